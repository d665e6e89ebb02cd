/** Text as a word of a POSIX shell. */

export const quoteForShell = (text) => /^\w[\w.:/-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
