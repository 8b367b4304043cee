"""The mutants of a source of C: every place where one small mistake could have been made.

Left out is what no behaviour that is tested here can depend on: the release of memory and of statements (the
sanitizers and valgrind see that), the log, what is only told to people (the status that the screen shows), and how
much at a time (batches, pages, limits: bench/ measures that).
"""
import hashlib
import re

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
      | (?P<directive>^[ \t]*\#[ \t]*(?:include|ifndef|ifdef|endif|undef)[^\n]*)
      | (?P<define>^[ \t]*\#[ \t]*define[ \t]+\w+)
      | (?P<string>"(?:\\.|[^"\\])*")
      | (?P<char>'(?:\\.|[^'\\])*')
      | (?P<number>\b(?:0[xX][0-9a-fA-F]+|\d+)(?:[uUlL]*)\b(?:\.\d+)?)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<op><<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^~!<>=?:;,.(){}\[\]])""",
    re.S | re.M | re.X)

SWAPS = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||", "||": "&&",
         "++": "--", "--": "++", "+=": "-=", "-=": "+=", "|=": "&=", "<<": ">>"}
FLIPS = {"true": "false", "false": "true"}
SQL = re.compile(r"\b(?:SELECT|UPDATE|INSERT|DELETE|WHERE|AND|FROM|SET|ORDER BY|LIMIT|NOT EXISTS|iif)\b")
SQL_SWAPS = [
    (r"<>", "="), (r"(?<= )= ", "<> "), (r"< ", "<= "), (r"<= ", "< "), (r"(?<![<-])> ", ">= "), (r">= ", "> "),
    (r"\bAND\b", "OR"), (r"\bOR\b(?! IGNORE| REPLACE)", "AND"), (r"\bNOT EXISTS\b", "EXISTS"),
    (r"\bIS NOT\b", "IS"), (r"\bIS (?!NOT)", "IS NOT "), (r"\bORDER BY seq\b", "ORDER BY seq DESC"), (r" DESC\b", ""),
    (r"\bmin\(", "max("), (r"\+ (?=\d|\?)", "- "), (r"(?<![?\w.'])\d+(?![\w'])", None),
]
CONTROL = {"if", "for", "while", "do", "switch", "case", "default", "return", "goto", "break", "continue", "else",
           "sizeof", "struct", "enum", "union", "const", "static", "bool", "char", "int", "double", "void", "unsigned",
           "size_t", "int64_t", "uint64_t", "uint32_t", "typedef", "extern"}
RELEASES = re.compile(r"^(?:\w+_(?:done|free|close|reset|touch)|free|close|cJSON_Delete|log_\w+|assert)$")
TELLS = re.compile(r"->status\b|->written\b|counts_stale|counts\.(?:applied|again|held|rejected|failed)\b"
                   r"|max_ops|max_bytes|bytes_cap|->limit\b|LEAST_|gzip|memset\(|mem_zero\(")
TIME = re.compile(r"clock_|\bnow\b|_at\b|_ms\b|expiry|next_try|_until\b")
OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
LIMIT = 20      # larger numbers say how much, or how long
FUNCTION = re.compile(r"^(?:static )?(?:inline )?((?:const )?(?:enum |struct )?\w+ \**)(\w+)\(", re.M)


class Mutant:
    def __init__(self, path, text, start, end, new, what):
        line_start = text.rfind("\n", 0, start) + 1
        line_end = text.find("\n", start)
        self.path, self.start, self.end, self.new = path, start, end, new
        self.line = text.count("\n", 0, start) + 1
        self.line_text = text[line_start:line_end].strip()
        old = re.sub(r"\s+", " ", text[start:end])
        self.what = what or f"{old} -> {new}"
        # The same line may stand in the file twice, and the same change be possible in it twice.
        before = text[:line_start].split("\n")
        same = sum(1 for line in before if line.strip() == self.line_text)
        column = len(text[line_start:start].lstrip())
        key = "\0".join([path, self.line_text, str(same), str(column), self.what])
        self.id = hashlib.sha1(key.encode()).hexdigest()[:12]

    def apply(self, text):
        # The lines keep their numbers: what the compiler makes of the rest stays the same.
        lines = text[self.start:self.end].count("\n")
        return text[:self.start] + self.new + "\n" * (lines - self.new.count("\n")) + text[self.end:]


class Token:
    def __init__(self, match):
        self.kind = match.lastgroup
        self.text = match.group()
        self.start, self.end = match.span()


def tokens_of(text):
    return [Token(m) for m in TOKEN.finditer(text) if m.lastgroup not in ("comment", "directive")]


def closing(tokens, at):
    """The index of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(tokens)):
        if tokens[i].text in "([{":
            depth += 1
        elif tokens[i].text in ")]}":
            depth -= 1
            if depth == 0:
                return i
    return len(tokens) - 1


class Source:
    def __init__(self, path, text):
        self.path, self.text = path, text
        self.tokens = tokens_of(text)
        self.found = []
        starts = [(m.start(), m.group(1).strip()) for m in FUNCTION.finditer(text)]
        self.function_starts = starts

    def add(self, start, end, new, what=None):
        mutant = Mutant(self.path, self.text, start, end, new, what)
        if not TELLS.search(mutant.line_text):
            self.found.append(mutant)

    def return_type(self, at):
        type_name = ""
        for start, name in self.function_starts:
            if start > at:
                break
            type_name = name
        return type_name

    def line_of(self, token):
        start, end = self.text.rfind("\n", 0, token.start) + 1, self.text.find("\n", token.start)
        return self.text[start:end]

    # ---- one token ----

    def operator(self, i):
        t = self.tokens[i]
        if t.text in OPPOSITES and TIME.search(self.line_of(t)):
            self.add(t.start, t.end, OPPOSITES[t.text])     # one millisecond more or less is nothing
        elif t.text in SWAPS:
            self.add(t.start, t.end, SWAPS[t.text])
        elif t.text in "+-" and i > 0:
            before = self.tokens[i - 1]
            if before.kind in ("name", "number") and before.text not in CONTROL or before.text in (")", "]"):
                self.add(t.start, t.end, "-" if t.text == "+" else "+")

    def number(self, i):
        t = self.tokens[i]
        before, after = self.tokens[i - 1].text, self.tokens[i + 1].text
        if before == "{" and after == "}" or before == "[" and after == "]":
            return      # { 0 }; the size of an array, or a fixed place in one
        digits = re.match(r"0[xX][0-9a-fA-F]+|\d+", t.text).group()
        if digits.startswith("0") and digits.isdigit() and len(digits) > 1:
            return      # the mode of a file
        value = int(digits, 0)
        if value > LIMIT:
            return
        self.add(t.start, t.start + len(digits), "0" if value == 1 else str(value + 1))

    def sql(self, i):
        t = self.tokens[i]
        if not SQL.search(t.text):
            return
        for pattern, new in SQL_SWAPS:
            for m in re.finditer(pattern, t.text):
                if new is None:
                    value = int(m.group())
                    if value > LIMIT or t.text[:m.start()].endswith("SELECT "):
                        continue    # EXISTS (SELECT 1 …)
                    self.add(t.start + m.start(), t.start + m.end(), "0" if value == 1 else str(value + 1))
                elif m.group() != "= " or "SET" not in t.text or "WHERE" in t.text[:m.start()]:
                    self.add(t.start + m.start(), t.start + m.end(), new, f"{m.group().strip()} -> {new.strip()}")

    # ---- several ----

    def condition(self, i):
        if self.tokens[i + 1].text != "(":
            return
        first, last = self.tokens[i + 1], self.tokens[closing(self.tokens, i + 1)]
        inner = self.text[first.end:last.start]
        if re.fullmatch(r"[^&|]*(?:==|!=)[^&|]*", inner):
            return      # the swapped operator is the same
        self.add(first.end, last.start, f"!({inner})", f"{self.tokens[i].text} (…) -> {self.tokens[i].text} (!(…))")

    def returned(self, i):
        j = i + 1
        while self.tokens[j].text != ";":
            j += 1
        if j == i + 1:
            return
        start, end = self.tokens[i + 1].start, self.tokens[j].start
        value, kind = self.text[start:end], self.return_type(self.tokens[i].start)
        if kind == "enum rc":
            if value == "RC_OK":
                self.add(start, end, "RC_IO")
            else:
                self.add(start, end, f"(({value}), RC_OK)", "return … -> return RC_OK")
        elif kind == "bool" and value not in FLIPS:
            self.add(start, end, f"!({value})", "return … -> return !(…)")
        elif kind.endswith("*") and value != "NULL":
            self.add(start, end, "NULL", "return … -> return NULL")

    def statement(self, i):
        """At the start of a statement: what it does is not done."""
        t, after = self.tokens[i], self.tokens[i + 1]
        if t.text in CONTROL or t.kind not in ("name", "op") or t.kind == "op" and t.text != "*":
            return
        if after.kind == "name" or after.text == ":" or after.text == "*" and self.tokens[i + 2].kind == "name" and t.kind == "name":
            return      # a declaration, or a label
        if t.kind == "name" and after.text == "(" and RELEASES.match(t.text):
            return
        j, depth = i, 0
        while j < len(self.tokens) and (self.tokens[j].text != ";" or depth > 0):
            depth += (self.tokens[j].text in "([{") - (self.tokens[j].text in ")]}")
            if depth < 0 or self.tokens[j].text == "{":
                return
            j += 1
        self.add(t.start, self.tokens[j].end, ";", "statement removed")

    def is_statement_start(self, i):
        before = self.tokens[i - 1].text if i > 0 else ""
        if before in (";", "{", "}", "else"):
            return True
        if before == ":":
            return self.tokens[i - 2].kind == "name" and self.tokens[i - 3].text in ("case", ";", "}")
        if before != ")":
            return False
        depth, j = 0, i - 1
        while j > 0:
            depth += (self.tokens[j].text == ")") - (self.tokens[j].text == "(")
            if depth == 0:
                break
            j -= 1
        return self.tokens[j - 1].text in ("if", "for", "while", "cJSON_ArrayForEach")

    def mutants(self):
        depth = parens = 0
        for i, t in enumerate(self.tokens):
            depth += (t.text == "{") - (t.text == "}")
            parens += (t.text == "(") - (t.text == ")")
            if depth > 0 and parens == 0 and self.is_statement_start(i):
                self.statement(i)
            if t.kind == "op":
                self.operator(i)
            elif t.kind == "number":
                self.number(i)
            elif t.kind == "string":
                self.sql(i)
            elif t.text in FLIPS:
                self.add(t.start, t.end, FLIPS[t.text])
            elif t.text in ("if", "while"):
                self.condition(i)
            elif t.text == "return":
                self.returned(i)
        return self.found


def mutants_of(path, text):
    return Source(path, text).mutants()
