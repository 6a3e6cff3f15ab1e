import { listen } from "./server.js";

const { url } = await listen(Number(process.env.PORT ?? 8000));
console.log(`listening on ${url}`);
