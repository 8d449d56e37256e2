// @ts-check
/** Before the tablet is open: sign in, choose a PIN, unlock. */

import { element } from "../app.js";
import { NoAnswer } from "../auth.js";
import { h } from "../dom.js";
import { button, errorSummary, input } from "../forms.js";
import { Notebook } from "../notebook.js";
import { WrongPin, pinFault } from "../vault.js";
import { counted } from "../words.js";
import { heading } from "./parts.js";

/** @typedef {import("../app.js").App} App */

/**
 * Choose the first screen: back from signing in, a PIN to ask for, or a sign-in to begin.
 * @param {App} app
 */
export async function arrive(app) {
  let people;
  try {
    people = await Notebook.everyone();
  } catch {
    app.put(noStore());
    return;
  }
  const address = new URL(location.href);
  if (address.pathname === "/tablet/signed-in") {
    history.replaceState(null, "", "/tablet/");
    try {
      const back = await app.signIn.complete(address);
      if (back !== null) {
        history.replaceState(null, "", `/tablet/${back}`);
        await signedIn(app, people);
        return;
      }
      app.notice = "The sign-in was not completed.";
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      app.notice = "The server did not answer while you were signing in.";
    }
  }
  app.put(people.length ? unlock(app, people) : signIn(app));
}

/** @param {App} app @param {import("../store.js").Person[]} people */
async function signedIn(app, people) {
  app.put(waiting());
  let caseload;
  try {
    caseload = await app.sync.caseload();
  } catch {
    app.notice = "The server did not give your caseload. Try again.";
    app.put(people.length ? unlock(app, people) : signIn(app));
    return;
  }
  const known = people.find(({ account }) => account === caseload.practitioner.reference);
  app.put(known ? unlock(app, [known]) : choosePin(app, caseload));
}

/** @returns {import("../app.js").Screen} */
function waiting() {
  return { title: "Fetching your caseload", content: [heading("Fetching your caseload")] };
}

/** @returns {import("../app.js").Screen} */
function noStore() {
  return {
    title: "This browser cannot keep records",
    content: [
      heading("This browser cannot keep records"),
      h("p", null, "It may be in private mode, or its storage may be full or switched off."),
      h("p", null, "Do not start a visit with it: nothing you enter would be kept."),
    ],
  };
}

/** @param {App} app @returns {import("../app.js").Screen} */
function signIn(app) {
  const go = async () => {
    location.assign(await app.signIn.begin(location.hash));
  };
  return {
    title: "Sign in",
    content: [
      heading("Sign in to your caseload"),
      h("p", null, "You need a signal the first time. After that, this tablet works without one."),
      h("div", { class: "hv-actions" }, button("Sign in", go)),
    ],
  };
}

/**
 * @param {App} app
 * @param {import("../notebook.js").Caseload} caseload
 * @param {string} [fault]
 * @returns {import("../app.js").Screen}
 */
function choosePin(app, caseload, fault = "") {
  let pin = "";
  let again = "";
  const keep = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const wrong = pinFault(pin) ?? (pin === again ? null : "The two PINs are not the same");
    if (wrong) return app.put(choosePin(app, caseload, wrong));
    busy(event, "Preparing this tablet");
    const { reference: account, name } = caseload.practitioner;
    const notebook = await Notebook.made({ account, name }, pin);
    await notebook.keepCaseload(caseload, app.clock.offsetMs);
    app.unlocked(notebook);
  };
  return {
    title: fault ? "Error: Choose a PIN" : "Choose a PIN for this tablet",
    content: [
      fault ? errorSummary([{ field: "pin", text: fault }]) : null,
      heading("Choose a PIN for this tablet", caseload.practitioner.name),
      h("p", null, "Children’s records on this tablet are locked with your PIN. You need it every time you come back."),
      h("p", null, "If you forget it, nobody can open what has not been sent yet."),
      form(
        keep,
        input({
          id: "pin",
          label: "PIN",
          hint: "At least 6 digits. A longer PIN or a phrase is harder to guess.",
          value: "",
          typed: (value) => (pin = value),
          fault,
          kind: "password",
          autocomplete: "new-password",
          width: "nhsuk-input--width-10",
        }),
        input({
          id: "pin-again",
          label: "The same PIN again",
          value: "",
          typed: (value) => (again = value),
          kind: "password",
          autocomplete: "new-password",
          width: "nhsuk-input--width-10",
        }),
        "Save PIN and open caseload",
      ),
    ],
  };
}

/**
 * @param {App} app
 * @param {import("../store.js").Person[]} people
 * @param {string} [fault]
 * @param {string} [chosen] id
 * @returns {import("../app.js").Screen}
 */
function unlock(app, people, fault = "", chosen = people.length === 1 ? people[0].id : "") {
  let pin = "";
  let id = chosen;
  const open = async (/** @type {Event} */ event) => {
    event.preventDefault();
    // Read again: another try may have been written down since this screen was drawn.
    const fresh = await Notebook.everyone();
    const person = fresh.find((each) => each.id === id);
    if (!person) return app.put(unlock(app, people, "Choose your name", id));
    const left = Math.ceil((person.not_before_ms - Date.now()) / 1000);
    if (left > 0) return app.put(unlock(app, fresh.filter((each) => people.some((p) => p.id === each.id)), tooSoon(left), id));
    busy(event, "Opening");
    try {
      const notebook = await Notebook.opened(person, pin, Date.now());
      if (notebook.vanished) {
        app.alarm(
          `${counted(notebook.vanished, "contact")} waiting to be sent ${notebook.vanished === 1 ? "is" : "are"} no longer on this tablet. Tell your manager now.`,
        );
      } else if (notebook.broken) {
        app.alarm(`${counted(notebook.broken, "record")} on this tablet cannot be opened. Tell your manager.`);
      }
      app.unlocked(notebook);
    } catch (error) {
      if (!(error instanceof WrongPin)) throw error;
      app.put(unlock(app, people, "That PIN does not open this tablet. Try again", id));
    }
  };
  const one = people.length === 1 ? people[0] : null;
  return {
    title: fault ? "Error: Enter your PIN" : "Enter your PIN",
    focus: fault ? null : "pin",
    content: [
      fault ? errorSummary([{ field: "pin", text: fault }]) : null,
      heading("Enter your PIN", one?.name ?? null),
      form(
        open,
        one
          ? null
          : h(
              "div",
              { class: "nhsuk-form-group" },
              h("label", { class: "nhsuk-label nhsuk-label--s", for: "person" }, "Your name"),
              h(
                "select",
                {
                  class: "nhsuk-select",
                  id: "person",
                  change: (event) => (id = event.target.value),
                },
                h("option", { value: "" }, "Choose your name"),
                people.map((person) => h("option", { value: person.id, selected: person.id === chosen }, person.name)),
              ),
            ),
        input({
          id: "pin",
          label: "PIN",
          value: "",
          typed: (value) => (pin = value),
          fault,
          kind: "password",
          autocomplete: "current-password",
          width: "nhsuk-input--width-10",
        }),
        "Unlock",
      ),
      h(
        "p",
        null,
        h(
          "a",
          {
            class: "hv-target",
            href: "#/",
            click: async (/** @type {Event} */ event) => {
              event.preventDefault();
              location.assign(await app.signIn.begin(location.hash));
            },
          },
          "Sign in as someone else",
        ),
      ),
    ],
  };
}

/** @param {number} seconds */
function tooSoon(seconds) {
  return `Too many wrong PINs. Wait ${counted(seconds, "second")}, then try again`;
}

/**
 * @param {(event: Event) => unknown} sent
 * @param {...(Node | string | null)} parts fields, and the words of the button last
 */
function form(sent, ...parts) {
  const text = String(parts.pop());
  return h(
    "form",
    { submit: sent, novalidate: true },
    ...parts,
    h("div", { class: "hv-actions" }, h("button", { class: "nhsuk-button hv-button", id: "submit" }, text)),
  );
}

/** @param {Event} _event @param {string} text */
function busy(_event, text) {
  const submit = element("submit");
  submit.textContent = text;
  submit.setAttribute("aria-disabled", "true");
}
