/** An execution's request as a cURL command. */

import { quoteForShell } from "./shell.js";

const CURLS_OWN = ["host", "content-length", "accept-encoding", "connection"];

export function buildCurl(execution) {
	const { url, method, request_headers: headers = {}, request_body: body, request_body_encoding: encoding } = execution;
	const own = Object.entries(headers).filter(([name]) => !CURLS_OWN.includes(name.toLowerCase()));
	const binary = encoding === "base64";
	const decoded = binary ? `printf %s ${quoteForShell(body)} | base64 -d | ` : "";
	const lines = [
		`${decoded}curl --globoff -X ${quoteForShell(method)} ${quoteForShell(url)}`,
		...own.map(([name, value]) => `-H ${quoteForShell(value === "" ? `${name};` : `${name}: ${value}`)}`),
	];
	if (body != null) lines.push(binary ? "--data-binary @-" : `--data-raw ${quoteForShell(body)}`);
	return lines.join(" \\\n  ");
}
