// One request a line on stdin, one answer a line on stdout: what fhir-kit-client makes of the service's FHIR face.

import { createInterface } from "node:readline";

import { Client } from "fhir-kit-client";

const [baseUrl, bearerToken] = process.argv.slice(2);
const client = new Client({ baseUrl, bearerToken });

const acts = {
  metadata: () => client.capabilityStatement(),
  extract: ({ input, headers }) => client.operation({ name: "extract", input, options: { headers } }),
  ask: ({ path }) => client.request(path),
  delete: ({ path }) => client.request(path, { method: "DELETE" }),
};

const told = async (asked) => {
  try {
    const body = await acts[asked.act](asked);
    const { response } = Client.httpFor(body);
    return { status: response.status, headers: Object.fromEntries(response.headers), body };
  } catch (error) {
    if (!error.response) throw error;
    return { status: error.response.status, headers: Object.fromEntries(error.config.headers), body: error.response.data };
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await told(JSON.parse(line))));
}
