/**
 * @module A trained model in a thread of its own, so that the server answers other requests while it computes. Requests that wait are answered together.
 */
import { parentPort, workerData } from "node:worker_threads";
import { fromRows } from "descentjs/data/node";
import { TrainedModel } from "descentjs/tasks/node";

const { model } = await TrainedModel.open(workerData.run, { threads: workerData.threads });
const answer = async (rows) => model.answers(await model.task.encode(fromRows(rows), model.info));
let waiting = [];

parentPort.on("message", (request) => {
  waiting.push(request);
  // Whatever else has come in by then is answered with it.
  if (waiting.length === 1) setImmediate(answerAll);
});

async function answerAll() {
  const requests = waiting;
  waiting = [];
  try {
    const answers = await answer(requests.map(({ row }) => row));
    requests.forEach(({ id }, i) => parentPort.postMessage({ id, answer: answers[i] }));
  } catch {
    // A bad row is the fault of its request alone.
    for (const { id, row } of requests)
      await answer([row]).then(
        ([found]) => parentPort.postMessage({ id, answer: found }),
        (error) => parentPort.postMessage({ id, error: error.message }),
      );
  }
}

parentPort.postMessage("ready");
