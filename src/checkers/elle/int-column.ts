/** A column of 32-bit integers that grows. */

const FIRST_CAPACITY = 64;

export class IntColumn {
  #values = new Int32Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const longer = new Int32Array(this.#length * 2);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#length++] = value;
  }

  at(index: number): number {
    return this.#values[index] as number;
  }

  /** A view of what is in it by now. It must not be kept while the column grows. */
  values(): Int32Array {
    return this.#values.subarray(0, this.#length);
  }
}
