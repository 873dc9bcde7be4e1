/**
 * Warnings that come from beside the work: an output that is lost, a signal that is ignored, a reporter that fails. Who listens late hears those that came
 * before.
 */
export class Asides {
  readonly #said: string[] = [];
  readonly #listeners = new Set<(text: string) => void>();

  /** Without URLs: they are quoted by errors of all kinds, and that of a webhook is its key. */
  readonly warn = (quoting: string): void => {
    const text = quoting.replace(/\b[a-z][a-z0-9+.-]*:\/\/[^\s'"]+/gi, '(a URL)');
    this.#said.push(text);
    for (const listener of [...this.#listeners]) listener(text);
  };

  /** Returns the way to stop that. */
  readonly listen = (listener: (text: string) => void): (() => void) => {
    for (const text of this.#said) listener(text);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };
}
