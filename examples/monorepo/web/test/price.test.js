import assert from "node:assert/strict";
import { test } from "node:test";
import { price } from "../src/price.js";

test("cents become a price", () => {
  assert.equal(price(1999), "19.99");
  assert.equal(price(5), "0.05");
});

test("what is no price is refused", () => {
  for (const cents of [-1, 1.5, "3"]) assert.throws(() => price(cents), RangeError);
});
