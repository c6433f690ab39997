"""The metrics page, read line by line as Prometheus reads it."""
import re

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


def samples(text):
    """The exposition as {(name, labels): value}; fails at the first line that is not of the format."""
    found, types, helped = {}, {}, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split(" ", 3)[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types and name in helped, line
            types[name] = kind
        else:
            match = SAMPLE.match(line)
            assert match, line
            name, labels, value = match.group(1), LABEL.findall(match.group(2) or ""), float(match.group(3))
            family = name if name in types else re.sub("_(bucket|sum|count)$", "", name)
            assert family in types, line
            assert types[family] != "counter" or name.endswith("_total"), line
            key = name, frozenset(labels)
            assert key not in found, line
            found[key] = value
    return found


def values(found, name, **labels):
    """The values of the samples of that name with at least those labels."""
    wanted = set(labels.items())
    return [value for (each, given), value in found.items() if each == name and wanted <= given]
