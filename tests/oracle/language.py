"""The grammar of STIX patterns (STIX 2.1 §9), read into nested tuples: a parser that shares nothing with src/pattern.

Observation expressions:
    ('or' | 'and' | 'followedby', left, right)
    ('within', child, seconds)   ('repeats', child, times)   ('window', child, start, stop)
    ('observe', comparison)
Comparisons:
    ('any' | 'all', left, right)
    ('test', path, operator, negated, literal or list of literals or None)
A path is (type, [step…]), a step ('key', name), ('index', n) or ('each',).
A literal is (kind, value): 'string', 'number', 'boolean', 'bytes', 'time'.
"""
import base64
import re
from decimal import Decimal

TOKEN = re.compile(r"""
    (?P<space>\s+ | /\*.*?\*/ | //[^\r\n]*)
  | (?P<hex>h'(?:[0-9a-fA-F]{2})*')
  | (?P<binary>b'(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?')
  | (?P<time>t'\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?Z')
  | (?P<string>'(?:[^'\\]|\\['\\])*')
  | (?P<float>[+-]?\d*\.\d+)
  | (?P<integer>[+-]?(?:0|[1-9]\d*))
  | (?P<word>[A-Za-z_][A-Za-z0-9_-]*)
  | (?P<sign>==|!=|<>|<=|>=|[=<>:.()\[\],*])
""", re.X | re.S)
TIMESTAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?Z")
KEYWORDS = {"AND", "OR", "NOT", "FOLLOWEDBY", "LIKE", "MATCHES", "ISSUPERSET", "ISSUBSET", "EXISTS", "LAST", "IN",
            "START", "STOP", "SECONDS", "true", "false", "WITHIN", "REPEATS", "TIMES"}


class Refused(Exception):
    """The text is no pattern."""


def tokens_of(text):
    tokens, at = [], 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise Refused(f"nothing begins like {text[at:at + 10]!r}")
        if found.lastgroup != "space":
            tokens.append((found.lastgroup, found.group()))
        at = found.end()
    return tokens + [("end", "")]


class Reader:
    def __init__(self, text):
        self.tokens, self.at = tokens_of(text), 0

    def peek(self):
        return self.tokens[self.at][1] if self.tokens[self.at][0] in ("word", "sign") else None

    def take(self, wanted):
        if self.peek() != wanted:
            return False
        self.at += 1
        return True

    def need(self, wanted):
        if not self.take(wanted):
            raise Refused(f"{wanted} expected, not {self.tokens[self.at][1]!r}")

    def kind(self, *kinds):
        kind, text = self.tokens[self.at]
        if kind not in kinds:
            raise Refused(f"{' or '.join(kinds)} expected, not {text!r}")
        self.at += 1
        return kind, text

    def chain(self, word, name, operand):
        """A chain of one operator, which binds to the left."""
        left = operand()
        while self.take(word):
            left = (name, left, operand())
        return left

    # between observations, loosest first (§9.5.2)
    def followed(self):
        return self.chain("FOLLOWEDBY", "followedby", self.either)

    def either(self):
        return self.chain("OR", "or", self.both)

    def both(self):
        return self.chain("AND", "and", self.qualified)

    def qualified(self):
        if self.take("("):
            node = self.followed()
            self.need(")")
        else:
            self.need("[")
            node = ("observe", self.any())
            self.need("]")
        while True:
            if self.take("WITHIN"):
                seconds = Decimal(self.kind("integer", "float")[1])
                self.need("SECONDS")
                if seconds <= 0:
                    raise Refused("WITHIN takes more than 0 seconds (§9.5.1)")
                node = ("within", node, seconds)
            elif self.take("REPEATS"):
                times = int(self.kind("integer")[1])
                self.need("TIMES")
                if times <= 0:
                    raise Refused("REPEATS takes at least once (§9.5.1)")
                node = ("repeats", node, times)
            elif self.take("START"):
                start = instant(self.kind("time")[1][2:-1])
                self.need("STOP")
                node = ("window", node, start, instant(self.kind("time")[1][2:-1]))
            else:
                return node

    # inside [ ] (§9.6)
    def any(self):
        return self.chain("OR", "any", self.all)

    def all(self):
        return self.chain("AND", "all", self.test)

    def test(self):
        if self.take("("):
            node = self.any()
            self.need(")")
            return node
        before, exists = self.at, False
        negated = self.take("NOT")
        if self.take("EXISTS"):
            exists = True
        elif negated:
            self.at = before
        path = self.path()
        if exists:
            return ("test", path, "EXISTS", negated, None)
        negated = self.take("NOT")
        operator = self.peek()
        self.at += 1
        operator = {"==": "=", "<>": "!="}.get(operator, operator)
        if operator == "IN":
            return ("test", path, operator, negated, self.set())
        if operator in ("LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"):
            return ("test", path, operator, negated, literal(*self.kind("string")))
        if operator not in ("=", "!=", "<", "<=", ">", ">="):
            raise Refused("an operator expected")
        value = self.literal()
        if value[0] == "boolean" and operator not in ("=", "!="):
            raise Refused("booleans have no order")
        return ("test", path, operator, negated, value)

    def literal(self):
        if self.peek() in ("true", "false"):
            self.at += 1
            return ("boolean", self.tokens[self.at - 1][1] == "true")
        return literal(*self.kind("string", "integer", "float", "hex", "binary", "time"))

    def set(self):
        self.need("(")
        values = []
        if self.take(")"):
            return values
        while True:
            values.append(self.literal())
            if self.take(")"):
                return values
            self.need(",")

    def path(self):
        kind = self.kind("word")[1]
        self.need(":")
        steps = [self.key(True)]
        while True:
            if self.take("."):
                steps.append(self.key(False))
            elif self.take("["):
                if self.take("*"):
                    steps.append(("each",))
                else:
                    steps.append(("index", int(self.kind("integer")[1])))
                self.need("]")
            else:
                return (kind, steps)

    def key(self, _first):
        kind, text = self.kind("word", "string")
        if kind == "word" and ("-" in text or text in KEYWORDS):
            raise Refused("such a key wants quotes")
        return ("key", unescape(text) if kind == "string" else text)


def unescape(text):
    return re.sub(r"\\(['\\])", r"\1", text[1:-1])


def literal(kind, text):
    if kind == "string":
        return ("string", unescape(text))
    if kind in ("integer", "float"):
        if kind == "integer" and not -2**63 <= int(text) < 2**63:
            raise Refused("integers have 64 bits (§9.4)")
        return ("number", Decimal(text))
    if kind == "hex":
        return ("bytes", bytes.fromhex(text[2:-1]))
    if kind == "binary":
        return ("bytes", base64.b64decode(text[2:-1]))
    return ("time", instant(text[2:-1]))


def instant(text):
    """Seconds since year 0 of a calendar that has no gaps, exactly; None for what is no timestamp (§2.15)."""
    found = TIMESTAMP.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    lengths = [31, 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1] or hour > 23 or minute > 59 or second > 60:
        return None
    days = 365 * year + (year + 3) // 4 - (year + 99) // 100 + (year + 399) // 400 + sum(lengths[:month - 1]) + day
    return ((days * 24 + hour) * 60 + minute) * 60 + second + Decimal(found.group(7) or 0)


def parse(text):
    reader = Reader(text)
    node = reader.followed()
    reader.kind("end")
    return node
