/** The question which token to use, after a link has brought another one. */

import { createButton, reveal } from "./elements.js";
import { createNotice } from "./notices.js";

export function askWhichToken(place, locale, keep, change) {
	const text = (key) => locale.text(`token.${key}`);
	reveal(place, createNotice([text("question.title"), text("question.text")],
		createButton(text("keep"), keep, "primary"),
		createButton(text("switch"), change),
	));
}
