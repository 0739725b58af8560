"""Random patterns and random observed-data over a world so small that they meet.

Every choice comes from one random.Random: a seed names a pair for good. What STIX leaves open is not generated: dots
that could mean a line break, windows without length, numbers that no double holds.
"""
import base64

from evaluate import reached
from language import parse

TEXTS = ["", "a", "ab", "b", "A", "hello", "a\nb", "\u00e9", "e\u0301", "\u0103", "%", "_", "1", "true", "it's", "C:\\x",
         "2020-01-01T00:00:00Z", "2020-01-01T00:00:01.5Z", "61", "YWI=", "\U0001f600"]
NUMBERS = [-1, 0, 1, 2, 5, 9007199254740993, 9007199254740992, 9223372036854775807, 1.0, 1.5, -0.5, 2.0, 0.25]
TIMES = ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000Z", "2020-01-01T00:00:01.5Z", "2019-12-31T23:59:59.999999999Z",
         "2020-02-29T12:00:00Z", "1969-12-31T23:59:59Z"]
BROKEN_TIMES = ["2020-01-01", "2020-01-01T00:00:00", "2019-02-29T00:00:00Z", "2020-01-01t00:00:00z"]
ADDRESSES = ["10.0.0.1", "10.0.0.0/24", "10.0.0.77/24", "10.1.0.0/16", "0.0.0.0/0", "10.0.0.1/32", "192.0.2.1",
             "2001:db8::1", "2001:db8::/32", "2001:DB8:0:0::/64", "::/0", "::1/128", "::ffff:10.0.0.1"]
NO_ADDRESSES = ["10.0.0", "10.0.0.256", "10.0.0.0/33", "example.com", ""]
LIKES = ["%", "_", "a%", "%b", "a_b", "%l%o", "h_l_o", "", "a", "A%", "__", "\u00e9", "e\u0301", "%\u0301", "a\nb",
         "\u0103%", "%%", "_%_", "\\%"]
EXPRESSIONS = ["^a", "b$", "l+", "[ab]+$", "^$", "a|b", "\\x61", "(?i)HELLO", "^h[a-z]{4}$", "(?s)a.b", "a[^x]b", "\u00e9",
               "e\u0301", "^\u0103", "", "(l)\\1", "^(?!a)", "o(?=$)"]
HEX = ["", "61", "6162", "62", "00ff", "616C", "6", "zz"]
BASE64 = ["", "YQ==", "YWI=", "Yg==", "AP8=", "Y", "Y Q="]
BYTES = [b"", b"a", b"ab", b"b", b"\x00\xff", b"\xe9"]

SCALAR_PATHS = [".n", ".s", ".flag", ".mixed", ".t", ".list[0]", ".list[1]", ".list[*]", ".d.'k-1'", ".d.'k.2'", ".d.deep.x",
                ".d.deep.x[*]", ".rows[*].x", ".rows[1].x", ".nothing", ".empty", ".extensions.'x-ext'.n", ".to_ref.n",
                ".to_refs[*].n", ".to_refs[0].s", ".to_ref.to_ref.n", ".to_ref.to_refs[*].s", ".d", ".list", ".to_ref",
                ".to_refs[*]", ".lost_ref.n", ".raw_hex", ".raw_bin", ".d.more_hex", ".ip", ".list[-1]", ".s.x", ".d[*]",
                ".'s'", ".list[7]"]


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class World:
    """plain: without what OASIS's matcher is known to read otherwise (reference.py), as far as data goes."""

    def __init__(self, random, plain=False):
        self.random, self.plain = random, plain
        self.paths = [path for path in SCALAR_PATHS if not plain or path not in (".to_ref", ".to_refs[*]")]
        self.addresses = [a for a in ADDRESSES if not plain or (":" not in a and not a.endswith("/0"))]
        self.texts = [text for text in TEXTS if not plain or "\n" not in text]

    def chance(self, part):
        return self.random.random() < part

    def one(self, *choices):
        return self.random.choice(choices)

    # --- observed-data

    def scalar(self):
        r = self.random
        return r.choice([r.choice(self.texts[:6]), r.choice(self.texts), r.choice(NUMBERS), r.choice(NUMBERS[:5]), self.chance(.5), r.choice(TIMES),
                         r.choice(self.texts[1:6]), None])

    def mixed(self):
        if self.chance(.8):
            return self.scalar()
        return [self.scalar() for _ in range(self.random.randrange(3))] if self.chance(.5) else {"x": self.scalar()}

    def thing(self, kind, ids):
        """refs lead to any of the ids, this one among them, or nowhere"""
        r = self.random
        ids = ids + ["thing--none"] * (self.chance(.3) and not self.plain)
        refs = [r.choice(ids) for _ in range(4)]
        made = {"type": kind, "id": ids[0]}
        may = {
            "n": lambda: r.choice(NUMBERS), "s": lambda: r.choice(self.texts), "flag": lambda: self.chance(.5),
            "mixed": self.mixed, "t": lambda: r.choice(TIMES) if self.plain or self.chance(.9) else r.choice(BROKEN_TIMES),
            "list": lambda: [self.scalar() for _ in range(r.randrange(4))],
            "d": lambda: {"k-1": self.scalar(), "k.2": self.mixed(), "deep": {"x": self.mixed()}, "more_hex": r.choice(HEX[:6] if self.plain else HEX)},
            "rows": lambda: [{"x": self.scalar()} if self.chance(.8) else self.scalar() for _ in range(r.randrange(3))],
            "empty": lambda: self.one([], {}, ""), "extensions": lambda: {"x-ext": {"n": self.scalar()}},
            "to_ref": lambda: refs[0], "to_refs": lambda: refs[1:1 + r.randrange(4)], "lost_ref": lambda: ids[0] if self.plain else "thing--999",
            "raw_hex": lambda: r.choice(HEX[:6] if self.plain else HEX), "raw_bin": lambda: r.choice(BASE64[:5] if self.plain else BASE64),
            "ip": lambda: r.choice(self.addresses) if self.chance(.85) else r.choice(NO_ADDRESSES),
        }
        for name, value in may.items():
            if self.chance(.85):
                made[name] = value()
        return made

    def observation(self, number):
        r = self.random
        kinds = [self.one("thing", "thing", "thing", "thing", "other") for _ in range(1 + r.randrange(3))]
        ids = [f"{kind}--{number}-{at}" for at, kind in enumerate(kinds)]
        objects = [self.thing(kind, ids[at:] + ids[:at]) for at, kind in enumerate(kinds)]
        roots = [o["id"] for o in objects if self.plain or self.chance(.85)] or [objects[0]["id"]]
        first = r.randrange(6)
        last = first + self.one(0, 0, 0, 1, 3)
        fraction = self.one("", "", "", ".5", ".000001")
        return {"first_observed": f"2020-01-01T00:00:0{first}Z",
                "last_observed": f"2020-01-01T00:00:0{last}{fraction}Z",
                "number_observed": self.one(1, 1, 1, 2, 3), "object_refs": roots, "objects": objects}

    def observations(self):
        made = [self.observation(number) for number in range(1 + self.random.randrange(5))]
        self.values = {}  # by path: what patterns may well ask for
        for observation in made:
            objects = {o["id"]: o for o in observation["objects"]}
            for path in SCALAR_PATHS:
                steps = parse(f"[EXISTS thing{path.replace('.', ':', 1)}]")[1][1][1]
                self.values.setdefault(path, []).extend(v for ref in observation["object_refs"]
                                                        for v in reached(objects[ref], steps, None, objects))
        return made

    # --- patterns

    def number(self):
        number = self.random.choice(NUMBERS)
        return self.one(repr(number), f"+{number}") if number >= 0 and self.chance(.2) else repr(number)

    def bytes_literal(self):
        raw = self.random.choice(BYTES)
        return f"h'{raw.hex()}'" if self.chance(.5) else f"b'{base64.b64encode(raw).decode()}'"

    def time(self):
        return f"t'{self.random.choice(TIMES)}'"

    def constant(self, path):
        r = self.random
        there = self.random.choice(self.values[path] or [None])
        if self.chance(.75):  # what stands there, more often than not
            if isinstance(there, bool):
                return "true" if there else "false"
            if isinstance(there, (int, float)):
                return repr(there)
            if isinstance(there, str) and not path.endswith(("_hex", "_bin", ".t")):
                return quote(there)
            if path in (".n", ".to_ref.n", ".to_refs[*].n", ".to_ref.to_ref.n"):
                return self.number()
            if path in (".s", ".to_refs[0].s"):
                return quote(r.choice(self.texts))
            if path == ".t":
                return self.time()
            if path == ".flag":
                return self.one("true", "false")
            if path.endswith(("_hex", "_bin")):
                return self.bytes_literal()
        return r.choice([self.number(), quote(r.choice(self.texts)), self.one("true", "false"), self.bytes_literal(), self.time()])

    def test(self, kind):
        r = self.random
        path = r.choice(self.paths) if self.chance(.2) else r.choice([p for p in self.paths if self.values[p]] or [".n"])
        negated = "NOT " if self.chance(.2) else ""
        if self.chance(.06) and not self.plain:
            return f"{negated}EXISTS {kind}:{path[1:]}"
        if path == ".ip" or self.chance(.03):
            return f"{kind}:{path[1:]} {negated}{self.one('ISSUBSET', 'ISSUPERSET')} {quote(r.choice(self.addresses))}"
        operator = self.one("=", "=", "=", "=", "=", "==", "!=", "!=", "<>", "<", "<=", ">", ">=", "IN", "LIKE", "LIKE", "MATCHES")
        if operator == "LIKE":
            value = quote(r.choice(LIKES))
        elif operator == "MATCHES":
            value = quote(r.choice(EXPRESSIONS))
        elif operator == "IN":
            first = self.constant(path)  # a set is of one type (§9.4)
            make = {"'": lambda: quote(r.choice(self.texts)), "h": self.bytes_literal, "b": self.bytes_literal,
                    "t": self.time, "f": lambda: "false"}.get("f" if first in ("true", "false") else first[0], self.number)
            value = "(" + ", ".join([first] * r.randrange(2) + [make() for _ in range(r.randrange(4))]) + ")"
        else:
            value = self.constant(path)
            if value in ("true", "false") and operator not in ("=", "==", "!=", "<>"):
                operator = "!="
        return f"{kind}:{path[1:]} {negated}{operator} {value}"

    def comparison(self, kind, depth):
        if depth == 0 or self.chance(.5):
            return self.test(kind)
        parts = [self.comparison(kind, depth - 1) for _ in range(self.one(2, 2, 3))]
        text = self.one(" AND ", " OR ", " OR ").join(parts)
        return f"({text})" if self.chance(.4) else text

    def expression(self, depth):
        r = self.random
        if depth == 0 or self.chance(.3):
            # all of one [ ] is about one type: §9.6 lets AND join no other
            text = "[" + self.comparison("thing" if self.chance(.95) else "other", r.randrange(3)) + "]"
        else:
            operator = self.one(" AND ", " AND ", " OR ", " FOLLOWEDBY ", " FOLLOWEDBY ")
            text = operator.join(self.expression(depth - 1) for _ in range(self.one(2, 2, 3)))
            if self.chance(.5):
                text = f"({text})"
        for kind in r.sample(["within", "repeats", "window"], self.one(0, 0, 0, 0, 1, 2)):
            if kind == "within":
                text += f" WITHIN {self.one('1', '2', '3', '.5', '0.000001', '4', '5', '100')} SECONDS"
            elif kind == "repeats":
                text += f" REPEATS {self.one(1, 1, 2, 2, 3)} TIMES"
            else:
                start = r.randrange(6)
                stop = start + 1 + r.randrange(5)
                text += f" START t'2020-01-01T00:00:0{start}Z' STOP t'2020-01-01T00:00:{stop:02}Z'"
        return text

    def pattern(self):
        """Of observations(), which go first."""
        return self.expression(self.one(0, 0, 1, 1, 2, 2, 3))
