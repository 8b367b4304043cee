/* base/i18n.h: the texts that people read, through gettext. main sets locale and domain; a text without a
 * translation is shown as it stands in the source.
 */
#ifndef BASE_I18N_H
#define BASE_I18N_H

#include <libintl.h>

#define _(text) gettext(text) /* translated here */
#define N_(text) (text)       /* only marked: a table's text, translated where it is shown */

#endif
