// Durable steps with Restate: a service that does nothing in each. `node service.mjs PORT`

import http2 from "node:http2";
import * as restate from "@restatedev/restate-sdk";

const steps = restate.service({
  name: "steps",
  handlers: {
    run: async (context, count) => {
      for (let number = 0; number < count; number++) {
        await context.run(`step ${number}`, () => number);
      }
      return { count };
    },
  },
});

const handler = restate.createEndpointHandler({ services: [steps] });
http2.createServer(handler).listen(Number(process.argv[2]), "127.0.0.1");
