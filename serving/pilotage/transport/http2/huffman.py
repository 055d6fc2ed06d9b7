"""HPACK's Huffman code (RFC 7541, section 5.2 and appendix B), for reading only."""

from pilotage.transport.http2.errors import Broken, Code

# Bits of the code of each byte. The code is canonical: codes of one length follow each other in the order of the
# bytes, shorter ones come first. 256 is the end of string, which no string may contain.
# fmt: off
_LENGTHS = (
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
)
# fmt: on
_END = 256
_NOTHING = -1
_WRONG = -2
_ROOT = 0


def decode(coded: bytes) -> bytes:
    """The string in `coded`. Raises Broken when it is not one that an encoder may write."""
    steps = _STEPS
    text = bytearray()
    node = _ROOT
    for byte in coded:
        for nibble in (byte >> 4, byte & 15):
            node, symbol = steps[node << 4 | nibble]
            if symbol >= 0:
                text.append(symbol)
            elif symbol == _WRONG:
                raise Broken(Code.COMPRESSION_ERROR, "a header holds the end of string of the Huffman code")
    if node not in _MAY_END:
        raise Broken(Code.COMPRESSION_ERROR, "a header's Huffman code ends in what is no padding")
    return bytes(text)


def _tree() -> list[list[int]]:
    """Nodes with two branches each: another node, or the complement of a symbol."""
    nodes = [[_ROOT, _ROOT]]
    code = length = 0
    for bits, symbol in sorted((bits, symbol) for symbol, bits in enumerate(_LENGTHS)):
        code <<= bits - length
        length = bits
        node = _ROOT
        for place in range(bits - 1, 0, -1):
            branch = code >> place & 1
            if nodes[node][branch] == _ROOT:
                nodes.append([_ROOT, _ROOT])
                nodes[node][branch] = len(nodes) - 1
            node = nodes[node][branch]
        nodes[node][code & 1] = ~symbol
        code += 1
    return nodes


def _walk(nodes: list[list[int]], node: int, nibble: int) -> tuple[int, int]:
    """Where four bits lead from `node`, and the symbol that they complete: one at most, since none is shorter."""
    found = _NOTHING
    for place in (3, 2, 1, 0):
        node = nodes[node][nibble >> place & 1]
        if node < 0:
            found, node = ~node, _ROOT
    return (_ROOT, _WRONG) if found == _END else (node, found)


def _ends(nodes: list[list[int]]) -> frozenset[int]:
    """Where a string may end: after a symbol, or up to seven ones further."""
    ends = [_ROOT]
    for _ in range(7):
        ends.append(nodes[ends[-1]][1])
    return frozenset(ends)


_TREE = _tree()
_STEPS = [_walk(_TREE, node, nibble) for node in range(len(_TREE)) for nibble in range(16)]
_MAY_END = _ends(_TREE)
