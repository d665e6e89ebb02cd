/** The custom element's class, its properties, and those of its stylesheet. */

/** @type {typeof HTMLElement} A server that renders pages imports the component, too, and has no elements. */
export const BaseElement = globalThis.HTMLElement ?? /** @type {any} */ (Object);

/** Defines the element, unless the script has been loaded before. */
export function define(name, element, attributes) {
	registerUnit();
	reflectAttributes(element.prototype, attributes);
	const elements = globalThis.customElements;
	if (elements && !elements.get(name)) elements.define(name, element);
}

/** Makes attributes properties, too. */
function reflectAttributes(prototype, names) {
	for (const name of names) {
		Object.defineProperty(prototype, name, {
			configurable: true,
			enumerable: true,
			get() {
				return this.getAttribute(name) ?? "";
			},
			set(value) {
				if (value == null) this.removeAttribute(name);
				else this.setAttribute(name, value);
			},
		});
	}
}

/** Takes the properties that the host has set before the element was defined. */
export function adoptProperties(element, names) {
	for (const name of names.filter((name) => Object.hasOwn(element, name))) {
		const value = element[name];
		delete element[name];
		element[name] = value;
	}
}

/** Registers a length that only the component sets: see its stylesheet. */
function registerUnit() {
	try {
		CSS.registerProperty({ name: "--hooklog-unit", syntax: "<length>", inherits: true, initialValue: "16px" });
	} catch {
		// another version of this script has registered it, or the browser can't: sizes then follow each rule's font
	}
}
