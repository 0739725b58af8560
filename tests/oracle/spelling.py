"""The one spelling in which match compares (docs/reference.md, match), made anew: of observations as observe writes
them, and of patterns as language.py reads them. Shares nothing with src/detect.
"""
import ipaddress
import re
from urllib.parse import urlsplit

CASELESS = {"Host", "serial_number", "protocols", "request_method", "request_version", "mime_type"}


def name_of(text):
    text = text.rstrip(".") if text.count(".") and not text.endswith("..") else text
    if not text.isascii():
        text = text.encode("idna").decode()
    return text.lower()


def address_of(text):
    """The address or network; None for what is none."""
    if not re.fullmatch(r"[0-9A-Fa-f:.]+(/\d+)?", text):
        return None
    try:
        net = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if net.version == 6 and net.network_address.ipv4_mapped and net.prefixlen >= 96:
        net = ipaddress.ip_network((net.network_address.ipv4_mapped, net.prefixlen - 96))
    return str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)


def url_of(text):
    parts = urlsplit(text)
    host = parts.hostname or ""
    host = address_of(host) or name_of(host)
    host = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}.get(parts.scheme.lower())
    port = f":{parts.port}" if parts.port not in (None, default) else ""
    return f"{parts.scheme.lower()}://{host}{port}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")


def mail_of(text):
    local, _, domain = text.strip("<>").rpartition("@")
    return f"{local}@{name_of(domain)}" if local else text


def by_look(text):
    if address_of(text):
        return address_of(text)
    if "://" in text:
        return url_of(text)
    return mail_of(text) if "@" in text else name_of(text)


def one(type, name, text):
    """A value, or a literal that such a value is compared with."""
    if name == "value":
        return mail_of(text) if type == "email-addr" and "@" in text else by_look(text) if text else text
    if name == "Host":
        return by_look(text)
    if name.startswith(("MD5", "SHA")):
        return text.lower()
    if name == "serial_number":
        return text.replace(":", "").lower()
    return text.lower() if name in CASELESS else text


def observation(seen):
    def walk(value, type, name):
        if isinstance(value, dict):
            return {k: walk(v, type, k) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(v, type, name) for v in value]
        return one(type, name, value) if isinstance(value, str) and name not in ("id", "type") else value
    # ipv6-addr of a mapped address is the ipv4-addr it stands for
    objects = [walk(o, o["type"], "") for o in seen["objects"]]
    for o in objects:
        if o["type"] == "ipv6-addr" and ":" not in o["value"]:
            o["type"] = "ipv4-addr"
    return dict(seen, objects=objects)


def pattern(node):
    """The tree of language.parse() with its literals in that spelling."""
    if node[0] != "test":
        return tuple(pattern(part) if isinstance(part, tuple) else part for part in node)
    _, path, operator, negated, literal = node
    type, steps = path
    name = [step[1] for step in steps if step[0] == "key"][-1]
    caseless = name == "value" or name in CASELESS or name.startswith(("MD5", "SHA"))
    if operator == "IN":
        literal = [("string", one(type, name, v)) if kind == "string" else (kind, v) for kind, v in literal]
    elif operator == "LIKE":  # as a regular expression, for its case
        wild = set(literal[1]) & set("%_")
        text = literal[1] if wild else one(type, name, literal[1])
        inside = "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in text)
        case = "i" if caseless and wild else ""
        operator, literal = "MATCHES", ("string", f"(?{case}s)\\A{inside}\\Z")
    elif operator == "MATCHES":  # caseless by itself
        literal = ("string", ("(?i)" if caseless else "") + literal[1])
    elif literal is not None and literal[0] == "string" and not operator.startswith("ISSU"):
        literal = ("string", one(type, name, literal[1]))
    test = ("test", path, operator, negated, literal)
    if type in ("ipv4-addr", "ipv6-addr") and steps == [("key", "value")] and not negated and operator in ("=", "IN", "ISSUBSET", "ISSUPERSET"):
        # ::ffff:192.0.2.1 is 192.0.2.1, of whichever type
        return ("any", *(("test", (each, steps), operator, negated, literal) for each in ("ipv4-addr", "ipv6-addr")))
    return test
