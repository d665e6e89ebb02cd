/** Text in commands of a POSIX shell. */

export const quoteForShell = (text) => /^\w[\w.:/-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** A line that ends a here-document and is not one of its lines; it is never a line of base64. */
export function chooseDelimiter(text) {
	let delimiter = "END_OF_BODY";
	while (text.includes(delimiter)) delimiter += "_";
	return delimiter;
}
