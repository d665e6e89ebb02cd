/** Elements, without HTML from text, and announcements for screen readers. */

/** Names and classes that the host may style with ::part. */
const PARTS = new Set([
	"badge", "button", "chart", "dialog", "filter", "head", "input", "notice", "primary", "row", "table", "views",
	"success", "failure", "unreached",
]);

/**
 * Creates an element: "p.look" is its name and classes; attributes that are functions are event listeners.
 *
 * @param {string} kind
 * @param {...any} given attributes (optional), then children
 * @returns {any}
 */
export function h(kind, ...given) {
	const [name, ...classes] = kind.split(".");
	const made = document.createElement(name);
	if (classes.length) made.className = classes.join(" ");
	const attributes = given[0]?.constructor === Object ? given.shift() : {};
	for (const [key, value] of Object.entries(attributes)) {
		if (typeof value === "function") made.addEventListener(key, value);
		else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
	}
	made.append(...given.flat(Infinity));
	const parts = [name, ...made.classList].filter((part) => PARTS.has(part));
	if (parts.length) made.part.add(...parts);
	return made;
}

export const fill = (element, ...children) => element.replaceChildren(...children.flat(Infinity));
export const setText = (element, text) => element.textContent === text || fill(element, text);

export function reveal(element, ...children) {
	fill(element, children);
	element.hidden = false;
}

export const createButton = (text, click, look, more) =>
	h("button", { type: "button", class: look, click, ...more }, text);
export const createSwitch = (more) => h("input", { type: "checkbox", role: "switch", ...more });
export const NO_AUTOCOMPLETE = { autocomplete: "off", spellcheck: "false" };
/** Text from others, whose direction must not affect the text around it. */
export const isolate = (text) => h("bdi", String(text));
/** Like `isolate`, for names such as order.item_added, which break after punctuation. */
export const isolateName = (name) =>
	h("bdi", String(name).split(/(?<=[._:/-])(?=\w)/).flatMap((part, at) => (at ? [h("wbr"), part] : [part])));
export const createRemark = (text) => h("p.remark", text);
export const createSkeleton = (lines) => h("div.skeleton", Array.from({ length: lines }, () => h("div.bar")));

export function createRadioGroup(legend, name, chosen, ...given) {
	const choice = ([value, text]) =>
		h("label", h("input", { type: "radio", name, value, checked: value === chosen }), h("span", text));
	return h("fieldset.choices", h("legend.unseen", legend), given.map(choice));
}

/** Has the nearest live region around the element say a text. */
export function announce(from, text) {
	from.dispatchEvent(new CustomEvent("said", { bubbles: true, detail: text }));
}

export function createLiveRegion(heard, look) {
	const region = h(`p.${look}`, { role: "status" });
	heard.addEventListener("said", (event) => {
		event.stopPropagation();
		setText(region, event.detail);
	});
	return region;
}

/** @param {string | (() => string)} text to copy, or what makes it when it is copied */
export function createCopyButton(locale, what, text, look = "copy", label = locale.text("copy")) {
	const copy = async ({ currentTarget: pressed }) => {
		const content = typeof text === "function" ? text() : text;
		const copied = await navigator.clipboard?.writeText(content).then(() => true, () => false);
		const show = (text, done) => {
			fill(pressed, text);
			pressed.classList.toggle("copied", !!done);
		};
		show(locale.text(copied ? "copy.done" : "copy.failed"), copied);
		announce(pressed, copied ? locale.text("copy.said", { what }) : locale.text("copy.failed"));
		setTimeout(show, 1500, label);
	};
	return createButton(label, copy, look, { "aria-label": locale.text("copy.what", { what }) });
}
