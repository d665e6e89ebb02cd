/** Properties of the custom element and of its stylesheet. */

/** Makes attributes properties, too. */
export function reflectAttributes(prototype, names) {
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
export function registerUnit() {
	try {
		CSS.registerProperty({ name: "--hooklog-unit", syntax: "<length>", inherits: true, initialValue: "16px" });
	} catch {
		// another version of this script has registered it, or the browser can't: sizes then follow each rule's font
	}
}
