// <lead-form> around a plain form: sends it without leaving the page, says mistakes beside the fields, tries again when
// the network fails. Without this script the form works as it is. Nothing is loaded from anybody else.
const CAMPAIGN = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id", "gclid", "gbraid",
  "wbraid", "fbclid", "msclkid", "ttclid", "li_fat_id"];
const TRIES = 3;

class LeadForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    if (!this.form || this.ready) return;
    this.ready = true;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.sending) this.send();
    });
  }

  async send() {
    this.sending = true;
    this.form.setAttribute("aria-busy", "true");
    this.clear();
    try {
      const body = this.body();
      const said = body.toString();
      if (said !== this.said) [this.said, this.key] = [said, crypto.randomUUID()];  // a repeat keeps its key
      await this.settle(await this.post(body));
    } catch {
      this.summary([{ text: this.getAttribute("failed") || "This could not be sent. Please try again in a minute." }]);
    } finally {
      this.sending = false;
      this.form.removeAttribute("aria-busy");
    }
  }

  body() {
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(this.form)) if (typeof value === "string") body.append(name, value);
    const query = new URLSearchParams(location.search);
    for (const name of CAMPAIGN) if (query.get(name) && !body.has(name)) body.set(name, query.get(name));
    if (!body.has("landing_page")) body.set("landing_page", location.origin + location.pathname);
    if (document.referrer && !body.has("referrer")) body.set("referrer", document.referrer);
    body.set("_page", location.href.split("#")[0]);
    return body;
  }

  async post(body) {
    for (let attempt = 1; ; attempt++) {
      try {
        const headers = { Accept: "application/json", "Idempotency-Key": this.key };
        const answer = await fetch(this.form.action, { method: "POST", body, headers, credentials: "omit" });
        if (attempt >= TRIES || ![409, 429, 502, 503, 504].includes(answer.status)) return answer;
        const wait = Number(answer.headers.get("Retry-After")) || 2 ** attempt;
        if (wait > 10) return answer;
        await new Promise((done) => setTimeout(done, wait * 1000));
      } catch (error) {
        if (attempt >= TRIES) throw error;
        await new Promise((done) => setTimeout(done, 500 * 2 ** attempt));
      }
    }
  }

  async settle(answer) {
    const told = await answer.json();
    if (answer.ok) return this.thank(told);
    const errors = (told.errors || []).map((one) => ({ name: one.field, text: one.detail }));
    this.summary(errors.length ? errors : [{ text: this.getAttribute("failed") || told.detail }]);
    for (const error of errors) this.mark(error);
    this.dispatchEvent(new CustomEvent("lead-refused", { bubbles: true, detail: told }));
  }

  thank(told) {
    this.dispatchEvent(new CustomEvent("lead-received", { bubbles: true, detail: told }));
    if (["_redirect", "_next", "retURL", "return_url"].some((name) => this.form.elements[name]?.value)) {
      location.assign(new URL(told.redirect_url, this.form.action));
      return;
    }
    const thanks = this.element("p", this.getAttribute("thanks") || "Thank you. We have your message.");
    thanks.setAttribute("role", "status");
    thanks.tabIndex = -1;
    this.form.replaceWith(thanks);
    thanks.focus();
  }

  field(name) {
    const found = name && this.form.elements[name];
    return found instanceof RadioNodeList ? found[0] : found;
  }

  summary(errors) {
    const box = this.element("div");
    box.className = "lead-form-summary";
    box.setAttribute("role", "alert");
    box.tabIndex = -1;
    box.append(this.element("h2", this.getAttribute("problem") || "There is a problem"));
    const list = box.appendChild(this.element("ul"));
    for (const { name, text } of errors) {
      const item = list.appendChild(this.element("li"));
      const field = this.field(name);
      if (!field) { item.textContent = text; continue; }
      field.id ||= `lead-${name}`;
      const link = item.appendChild(this.element("a", text));
      link.href = `#${field.id}`;
      link.addEventListener("click", (event) => { event.preventDefault(); field.focus(); });
    }
    this.form.prepend(box);
    box.focus();
  }

  mark({ name, text }) {
    const field = this.field(name);
    if (!field) return;
    const message = this.element("p", text);
    message.className = "lead-form-error";
    message.id = `${field.id}-error`;
    const place = field.type === "radio" ? field.closest("fieldset")?.querySelector("legend") : field.labels?.[0];
    place ? place.after(message) : field.before(message);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", message.id);
  }

  clear() {
    for (const old of this.form.querySelectorAll(".lead-form-summary, .lead-form-error")) old.remove();
    for (const field of this.form.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
    }
  }

  element(name, text = "") {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }
}

customElements.define("lead-form", LeadForm);
