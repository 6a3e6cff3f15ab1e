/** Cents as a price: 1999 → "19.99". */
export function price(cents) {
  if (!Number.isInteger(cents) || cents < 0) throw new RangeError("cents are whole and not negative");
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
}
