/** What happened, in order, for whoever waits for it: a condition to wait for instead of a time. */
export class Queue<T> {
  readonly #items: T[] = [];
  #arrived = Promise.withResolvers<void>();

  push(item: T): void {
    this.#items.push(item);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  /** Takes the first item that fits, as soon as there is one; what came before it and does not fit stays. */
  async next<S extends T>(fits: (item: T) => item is S): Promise<S>;
  async next(fits?: (item: T) => boolean): Promise<T>;
  async next(fits: (item: T) => boolean = () => true): Promise<T> {
    for (;;) {
      const index = this.#items.findIndex(fits);
      const [item] = index < 0 ? [] : this.#items.splice(index, 1);
      if (item !== undefined) return item;
      await this.#arrived.promise;
    }
  }

  /** What nobody has taken. */
  get left(): readonly T[] {
    return this.#items;
  }
}
