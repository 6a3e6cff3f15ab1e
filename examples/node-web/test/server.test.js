import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { listen } from "../src/server.js";

let server, url;
before(async () => ({ server, url } = await listen(0)));
after(() => {
  server.close();
  server.closeAllConnections();
});

const ask = async (path, method = "GET") => {
  const reply = await fetch(url + path, { method });
  return [reply.status, await reply.json()];
};

test("a name that nobody counted is at 0", async () => {
  assert.deepEqual(await ask("/apples"), [200, { name: "apples", count: 0 }]);
});

test("each POST adds one", async () => {
  await ask("/pears", "POST");
  assert.deepEqual(await ask("/pears", "POST"), [200, { name: "pears", count: 2 }]);
  assert.deepEqual(await ask("/pears"), [200, { name: "pears", count: 2 }]);
});

test("what is no name is not found", async () => {
  assert.equal((await ask("/Not-A-Name"))[0], 404);
});

test("other methods are refused", async () => {
  assert.equal((await ask("/apples", "DELETE"))[0], 405);
});
