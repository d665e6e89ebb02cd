/** An execution's request as a cURL command for bash, zsh and sh. */

import { measure } from "./body.js";
import { chooseDelimiter, quoteForShell } from "./shell.js";

const CURLS_OWN = ["host", "content-length", "accept-encoding", "connection"];
const SIGNED = ["webhook-timestamp", "webhook-signature"];
/** What the API returns instead of the value of a sensitive header. */
const MASK = "••••";
/** Linux limits an argument of a command to 128 KiB. */
const MAX_ARGUMENT_BYTES = 100_000;
/** Characters that a terminal would act on, or that a shell drops. */
const NOT_PASTEABLE = /[\0-\x09\x0B-\x1F\x7F-\x9F\u2028\u2029]/;
const BASE64_LINE = /.{1,76}/g;

function encodeBase64(text) {
	const bytes = new TextEncoder().encode(text);
	let binary = "";
	for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
	return btoa(binary);
}

/** The command before curl, curl's argument and the lines after it, which bring the body. */
function bringBody(body, isBase64) {
	if (isBase64 || NOT_PASTEABLE.test(body)) {
		const lines = (isBase64 ? body : encodeBase64(body)).match(BASE64_LINE) ?? [];
		const delimiter = chooseDelimiter("");
		return [`base64 -d <<'${delimiter}' | `, "--data-binary @-", [...lines, delimiter]];
	}
	const bytes = measure(body);
	if (bytes <= MAX_ARGUMENT_BYTES) return ["", `--data-raw ${quoteForShell(body)}`, []];
	const delimiter = chooseDelimiter(body);
	// head removes the end of line that a here-document adds
	return [`head -c ${bytes} <<'${delimiter}' | `, "--data-binary @-", [body, delimiter]];
}

/** No comment has a character that means something to zsh, which does not know comments where one types. */
function* listComments(locale, headers) {
	const names = new Set(headers.map(([name]) => name.toLowerCase()));
	const stale = SIGNED.filter((name) => names.has(name));
	if (stale.length) yield locale.text("curl.stale", { names: stale.join(", ") });
	for (const [name, value] of headers) {
		if (value === MASK) yield `${locale.text("curl.masked")} -H ${quoteForShell(`${name}: ...`)}`;
	}
}

export function buildCurl(locale, execution) {
	const { url, method, request_headers: given = {}, request_body: body, request_body_encoding: encoding } = execution;
	const headers = Object.entries(given).filter(([name]) => !CURLS_OWN.includes(name.toLowerCase()));
	const [before, data, after] = body == null ? ["", "", []] : bringBody(body, encoding === "base64");
	const command = [
		`${before}curl --globoff -X ${quoteForShell(method)} ${quoteForShell(url)}`,
		...headers
			.filter(([, value]) => value !== MASK)
			.map(([name, value]) => `-H ${quoteForShell(value.trim() === "" ? `${name};` : `${name}: ${value}`)}`),
		...(after.length ? ["-H Expect:"] : []),
		...(data ? [data] : []),
	];
	const comments = [...listComments(locale, headers)].map((comment) => `# ${comment}`);
	return [...comments, command.join(" \\\n  "), ...after].join("\n");
}
