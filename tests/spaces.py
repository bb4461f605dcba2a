"""Small spaces that tests share, and a count by brute force that knows nothing of automata."""

HEAD = "{nas: 1, input: {frames: 4, size: 32}, classes: 5, stem: {width: 16}, "

TINY = """
nas: 1
input: {frames: 4, size: 32}
classes: 5
stem: {width: 8, conv: {kind: dense, kernel: [3, 3, 3]}, pool: null}
stages:
  - {depth: !int [1, 2], width: 8, block: &block !choice {
       simple: {kind: simple, conv: &conv !choice {dense: {kind: dense}, depthwise: {kind: depthwise}}},
       bottleneck: {kind: bottleneck, expansion: !choice [1, 2], conv: *conv}}}
  - {depth: !int [1, 3], width: !choice [8, 16], stride: [2, 2, 2], block: *block}
"""

SMALL = {
    "tiny": TINY,
    "no hole": HEAD + "stages: [{depth: 1, width: 8, block: {kind: simple}}]}",
    "nested": HEAD + """stages: [{depth: !int [1, 4], width: 8, block: !choice {
        a: {kind: simple}, b: {kind: bottleneck, expansion: !choice [1, 2, 4], pointwise_groups: !choice [1, 2]}}}]}""",
    "shared scalar": HEAD + """stages: [{depth: &d !int [1, 3], width: 8, block: {kind: simple}},
        {depth: *d, width: !choice [8, 16], block: {kind: simple}}]}""",
    "shared inside one option": HEAD + """stages: [
        {depth: 1, width: 8, block: !choice {a: {kind: simple}, b: {kind: bottleneck, expansion: &e !choice [1, 2]}}},
        {depth: 1, width: 8, block: !choice {c: {kind: simple}, d: {kind: bottleneck, expansion: *e}}}]}""",
    "shared map": HEAD + """stages: [
        {depth: 1, width: 8, block: &b {kind: bottleneck, expansion: !choice [1, 2, 4]}},
        {depth: !int [1, 2], width: 8, block: *b}]}""",
    "copies": HEAD + """stages: [!repeat {times: 3, of: {depth: !int [1, 2], width: 8, block: {kind: simple}}}]}""",
    "some copies": HEAD + """stages: [!repeat {times: !int [1, 3],
        of: {depth: 1, width: 8, block: {kind: bottleneck, expansion: !choice [1, 2]}}}]}""",
    "copies of a shared one": HEAD + """stages: [
        {depth: 1, width: 8, block: &b {kind: bottleneck, expansion: &e !choice [1, 2, 4]}},
        !repeat {times: 2, of: {depth: 1, width: 8, block: *b}}]}""",
    "shared in a copy": HEAD + """stages: [!repeat {times: 2, of:
        {depth: &d !int [1, 3], width: 8, block: {kind: bottleneck, expansion: !choice [1, 2]}}}]}""",
    "root": """!choice {one: {stages: [{depth: !int [1, 2], width: 8, block: {kind: simple}}]},
        two: {stages: [{depth: 3, width: !choice [8, 16, 32], block: {kind: simple}}]}}""",
}  # fmt: skip


def brute_force(space) -> set[tuple]:
    """Every record, by trying every label at every hole in the order in which `fill` asks."""
    records, open_paths = set(), [()]
    while open_paths:
        answers = open_paths.pop()
        asked = []

        def pick(hole, answers=answers, asked=asked):
            asked.append(hole)
            index = len(asked) - 1
            return answers[index] if index < len(answers) else hole.labels[0]

        _, record = space.fill(pick)
        if len(asked) > len(answers):
            open_paths += [(*answers, label) for label in asked[len(answers)].labels]
        else:
            records.add(tuple(record.items()))
    return records
