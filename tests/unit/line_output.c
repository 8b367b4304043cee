/* Linked into every unit test: output leaves line by line, so that nothing is lost when a sanitizer ends
 * the program, and no half line waits in a buffer while a child is forked. */
#include <stdio.h>

__attribute__((constructor)) static void write_lines_at_once(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
}
