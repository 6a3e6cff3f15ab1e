// Counts by name: POST /NAME adds one, GET /NAME tells, anything else is 404 or 405.
import { createServer } from "node:http";

export function makeServer() {
  const counts = new Map();
  return createServer((request, response) => {
    const name = new URL(request.url, "http://localhost").pathname.slice(1);
    const answer = (status, body) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (!/^[a-z]{1,20}$/.test(name)) return answer(404, { error: "a name is 1 to 20 letters" });
    if (request.method === "POST") counts.set(name, (counts.get(name) ?? 0) + 1);
    else if (request.method !== "GET") return answer(405, { error: "GET or POST" });
    answer(200, { name, count: counts.get(name) ?? 0 });
  });
}

/** The server, listening on that port of this machine (0 = any), and its address. */
export async function listen(port) {
  const server = makeServer();
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}
