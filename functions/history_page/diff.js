/** Differences between two texts, line by line. */

const MAX_CELLS = 1_000_000;
const CONTEXT_LINES = 2;

/** The lengths of the longest common subsequences of what follows each pair of lines. */
function measureCommon(before, after) {
	const width = after.length + 1;
	const common = new Uint32Array((before.length + 1) * width);
	for (let row = before.length - 1; row >= 0; row--) {
		for (let column = after.length - 1; column >= 0; column--) {
			const at = row * width + column;
			common[at] = before[row] === after[column]
				? common[at + width + 1] + 1
				: Math.max(common[at + width], common[at + 1]);
		}
	}
	return (row, column) => common[row * width + column];
}

function* diffMiddle(before, after) {
	const common = measureCommon(before, after);
	let [row, column] = [0, 0];
	while (row < before.length || column < after.length) {
		if (row < before.length && before[row] === after[column]) {
			yield ["same", before[row++]];
			column++;
		} else if (column === after.length || (row < before.length && common(row + 1, column) >= common(row, column + 1)))
			yield ["removed", before[row++]];
		else yield ["added", after[column++]];
	}
}

/**
 * Every line with its mark: same, removed or added. Null if that would take long.
 *
 * @param {string[]} before
 * @param {string[]} after
 * @returns {[mark: string, line: string][] | null}
 */
export function diffLines(before, after) {
	const most = Math.min(before.length, after.length);
	let [start, end] = [0, 0];
	while (start < most && before[start] === after[start]) start++;
	while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end++;
	const [old, fresh] = [before, after].map((lines) => lines.slice(start, lines.length - end));
	if (old.length * fresh.length > MAX_CELLS) return null;
	const same = (lines) => lines.map((line) => ["same", line]);
	return [...same(before.slice(0, start)), ...diffMiddle(old, fresh), ...same(before.slice(before.length - end))];
}

/** The changed lines with those around them; a mark without a line stands for what is left out. */
export function selectChanges(lines) {
	const isNear = (at) =>
		lines.slice(Math.max(at - CONTEXT_LINES, 0), at + CONTEXT_LINES + 1).some(([mark]) => mark !== "same");
	const near = lines.map((_, at) => isNear(at));
	return lines.flatMap((line, at) => (near[at] ? [line] : at === 0 || near[at - 1] ? [["skipped", "…"]] : []));
}
