"""2bit files, written by UCSC's description of the format."""

import struct


def runs(sequence, wanted):
    """(start, bases) of the longest stretches of bases that are wanted."""
    found = []
    for place, base in enumerate(sequence):
        if wanted(base) and found and sum(found[-1]) == place:
            found[-1][1] += 1
        elif wanted(base):
            found.append([place, 1])
    return found


def two_bit(records, order="<", version=0):
    """A 2bit file by UCSC's description of the format."""
    offset_size = 8 if version else 4
    bodies = []
    for sequence in records.values():
        upper = sequence.upper()
        body = struct.pack(order + "I", len(sequence))
        for blocks in (runs(sequence, lambda base: base in "Nn"), runs(sequence, str.islower)):
            body += struct.pack(order + "I", len(blocks))
            body += b"".join(struct.pack(order + "I", start) for start, _ in blocks)
            body += b"".join(struct.pack(order + "I", size) for _, size in blocks)
        body += struct.pack(order + "I", 0)
        bits = ["TCAG".index(base) if base in "TCAG" else 0 for base in upper] + [0] * (-len(upper) % 4)
        body += bytes(sum(bits[i + k] << (6 - 2 * k) for k in range(4)) for i in range(0, len(bits), 4))
        bodies.append(body)
    head = struct.pack(order + "4I", 0x1A412743, version, len(records), 0)
    place = len(head) + sum(1 + len(name) + offset_size for name in records)
    index = b""
    for name, body in zip(records, bodies, strict=True):
        index += bytes([len(name)]) + name.encode() + struct.pack(order + ("Q" if version else "I"), place)
        place += len(body)
    return head + index + b"".join(bodies)
