// Plays a page around embed.v1.js: what it posts, marks and shows, as JSON. Run by test_embed.py.
const fs = require("fs"), vm = require("vm");
const [script, answers] = [fs.readFileSync(process.argv[2], "utf8"), JSON.parse(process.argv[3])];

class Element {
  constructor(name) { Object.assign(this, { name, attributes: {}, children: [], textContent: "" }); }
  setAttribute(key, value) { this.attributes[key] = value; }
  getAttribute(key) { return this.attributes[key] ?? null; }
  removeAttribute(key) { delete this.attributes[key]; }
  append(...more) { this.children.push(...more); }
  appendChild(one) { this.children.push(one); return one; }
  prepend(one) { this.children.unshift(one); }
  after(one) { this.followed = one; }
  before(one) { this.preceded = one; }
  replaceWith(one) { this.replaced = one; }
  addEventListener() {}
  dispatchEvent() {}
  remove() {}
  focus() { Element.focused = this; }
  querySelectorAll() { return []; }
}

const label = new Element("label");
const email = Object.assign(new Element("input"), { id: "email", labels: [label] });
const values = { email: "ada@maple.example" };
const form = Object.assign(new Element("form"), { action: "https://intake.example/f/contact", elements: { email } });
const posts = [], waits = [], known = {};
const sandbox = {
  HTMLElement: Element, RadioNodeList: class {}, CustomEvent: class {}, URL, URLSearchParams, Number,
  FormData: class { *[Symbol.iterator]() { yield* Object.entries(values); } },
  customElements: { define: (name, kind) => { known[name] = kind; } },
  crypto: { randomUUID: () => `key-${posts.length}` },
  location: { search: "?gclid=g1&x=2", origin: "https://maple.example", pathname: "/offer", href: "https://maple.example/offer?gclid=g1#top" },
  document: { referrer: "https://search.example/", createElement: (name) => new Element(name) },
  setTimeout: (done, wait) => { waits.push(wait); done(); },
  fetch: async (url, { body, headers }) => {
    posts.push({ url, key: headers["Idempotency-Key"], body: Object.fromEntries(body) });
    const [status, told, more = {}] = answers.shift();
    if (status === 0) throw new TypeError("network");
    return { status, ok: status < 400, headers: { get: (name) => more[name] ?? null }, json: async () => told };
  },
};
vm.runInNewContext(script, sandbox);

(async () => {
  const lead = new known["lead-form"]();
  lead.form = form;
  while (answers.length) {
    if (answers[0] === "changed") { answers.shift(); values.email = "eve@maple.example"; }
    if (answers[0].failed) lead.setAttribute("failed", answers.shift().failed);
    await lead.send();
  }
  const summary = form.children[0], said = form.children.map(({ children: [, list] }) => list.children[0]);
  console.log(JSON.stringify({
    posts, waits, busy: form.attributes["aria-busy"] ?? null, thanks: form.replaced?.textContent ?? null,
    invalid: email.attributes["aria-invalid"] ?? null, beside: label.followed?.textContent ?? null,
    said: said.reverse().map((item) => item.textContent || item.children[0].textContent),
    summary: summary && [summary.attributes.role, ...summary.children.map((one) => one.textContent)],
  }));
})();
