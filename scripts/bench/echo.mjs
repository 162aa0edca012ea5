// What Fastify alone does: a route that parses the same bodies as /predict and answers with a constant.
//   node scripts/bench/echo.mjs PORT ANSWER
import fastify from 'fastify';

const [port, answer] = process.argv.slice(2);
const app = fastify({ bodyLimit: 4 * 1024 * 1024 });
const constant = JSON.parse(answer);
app.post('/predict', async () => constant);
await app.listen({ host: '127.0.0.1', port: Number(port) });
