// Starts the server as main.js does and asks it once.
import { listen } from "./server.js";

const { server, url } = await listen(Number(process.env.PORT ?? 0));
const reply = await fetch(`${url}/smoke`, { method: "POST" });
const body = await reply.json();
await new Promise((resolve) => {
  server.close(resolve);
  server.closeAllConnections();
});
if (reply.status !== 200 || body.count !== 1) {
  console.error(`unexpected answer ${reply.status} ${JSON.stringify(body)}`);
  process.exit(1);
}
console.log("the server answers");
