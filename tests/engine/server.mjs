// tests/engine/server.mjs FILE - llama.cpp behind the two dialects that local servers speak, for the system test of the
// providers: POST /api/chat and GET /api/tags as Ollama, POST /v1/chat/completions as OpenAI and llama-server (with its
// `grammar`), GET /stats for the test. Writes the model of gguf.mjs to FILE, listens on a free port of 127.0.0.1, says
// "listening PORT", and ends when its stdin closes or by SIGTERM. Where the engine cannot run it says "unusable: WHY".
import http from "node:http";
import {ANSWER, write} from "./gguf.mjs";

const NAME = "polis-bigram", CONTEXT = 4096, BODY_MAX = 1 << 20;
const stats = {served: 0, cancelled: 0, tokens: 0};

const unusable = (error) => {
    console.log("unusable: " + String(error?.message ?? error).split("\n")[0]);
    process.exit(3);
};
const {getLlama, LlamaGrammar, LlamaGrammarEvaluationState, LlamaLogLevel} = await import("node-llama-cpp").catch(unusable);
const llama = await getLlama({gpu: false, build: "never", skipDownload: true, progressLogs: false, maxThreads: 1,
    logLevel: LlamaLogLevel.error}).catch(unusable);

write(process.argv[2]);
const model = await llama.loadModel({modelPath: process.argv[2]});
const context = await model.createContext({contextSize: CONTEXT, sequences: 1, threads: 1});
const sequence = context.getSequence();

class Refusal extends Error {
    constructor(status, message, code) { super(message); this.status = status; this.code = code; }
}

/* ---- the engine ---- */

const grammars = new Map();

// Its own reader of schemas ends an answer with four newlines; such a grammar has that as its end mark.
async function grammarOf({schema, text, json}) {
    const key = JSON.stringify([schema, text, json]);
    if (schema === undefined && text === undefined && !json) return undefined;
    if (!grammars.has(key))
        try {
            const grammar = text !== undefined ? await llama.createGrammar({grammar: text})
                : schema !== undefined ? await llama.createGrammarForJsonSchema(schema)
                : await LlamaGrammar.getFor(llama, "json");
            grammars.set(key, {grammar, stop: text !== undefined ? [] : ["\n\n\n\n"]});
        } catch (error) {
            throw new Refusal(400, "no grammar can be made of this: " + error.message, "invalid_request_error");
        }
    return grammars.get(key);
}

// How much of the end of a text may be the beginning of a stop word.
function undecided(text, stops) {
    for (let size = Math.min(text.length, Math.max(0, ...stops.map((stop) => stop.length - 1))); size > 0; size--)
        if (stops.some((stop) => stop.startsWith(text.slice(-size)))) return size;
    return 0;
}

// One answer. `piece` hears it as it grows; `gone` says that nobody waits any more.
async function answer(ask, piece, gone) {
    const enforced = await grammarOf(ask.form);
    const stops = [...ask.stop, ...(enforced?.stop ?? [])];
    const prompt = [...model.tokenize(ask.messages.map((m) => `${m.role}: ${m.content}\n`).join("")), ANSWER];
    const room = Math.min(ask.context, CONTEXT) - prompt.length;
    let text = "", told = 0, out = 0, finish = "length", waiting = [];

    if (room <= 0)
        throw new Refusal(400, `the request has ${prompt.length} tokens and exceeds the available context size`,
            "exceed_context_size_error");
    await sequence.clearHistory();
    for await (const token of sequence.evaluate(prompt, {temperature: ask.temperature, topP: ask.topP, topK: 0, minP: 0,
        seed: ask.seed, yieldEogToken: true,
        grammarEvaluationState: enforced && new LlamaGrammarEvaluationState({model, grammar: enforced.grammar})})) {
        out++;
        stats.tokens++;
        if (gone()) { finish = "gone"; break; }
        if (model.isEogToken(token)) { finish = "stop"; break; }
        waiting.push(token);
        const more = model.detokenize(waiting);
        if (!more.endsWith("\ufffd")) { text += more; waiting = []; } // else half a character
        const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
        if (ends.length > 0) { text = text.slice(0, Math.min(...ends)); finish = "stop"; break; }
        const sure = text.length - undecided(text, stops);
        if (sure > told) { await piece(text.slice(told, sure)); told = sure; }
        if (out >= Math.min(ask.max, room)) break;
    }
    if (finish === "gone") stats.cancelled++;
    else stats.served++;
    if (text.length > told && finish !== "gone") await piece(text.slice(told));
    return {text, finish, in: prompt.length, out};
}

// One at a time: answers then depend on nothing but what was asked.
let last = Promise.resolve();
const queued = (work) => (last = last.then(work, work));

/* ---- the dialects ---- */

const number = (value, fallback) => (typeof value === "number" && Number.isFinite(value) ? value : fallback);
const list = (value) => (Array.isArray(value) ? value : typeof value === "string" ? [value] : []);

const dialects = {
    "/api/chat": {
        type: "application/x-ndjson",
        ask: (body) => ({
            stream: body.stream !== false, messages: body.messages, max: number(body.options?.num_predict, Infinity),
            temperature: number(body.options?.temperature, 0.8), topP: number(body.options?.top_p, 0.9),
            seed: number(body.options?.seed, Date.now() % 1e9), context: number(body.options?.num_ctx, CONTEXT),
            stop: list(body.options?.stop),
            form: typeof body.format === "object" ? {schema: body.format} : {json: body.format === "json"},
        }),
        piece: (text) => JSON.stringify({model: NAME, message: {role: "assistant", content: text}, done: false}) + "\n",
        end: (got) => ollamaEnd(got, "") + "\n",
        whole: (got) => ollamaEnd(got, got.text),
        refusal: (error) => ({error: error.message}),
    },
    "/v1/chat/completions": {
        type: "text/event-stream",
        ask: (body) => ({
            stream: body.stream === true, messages: body.messages,
            max: number(body.max_completion_tokens, number(body.max_tokens, Infinity)),
            temperature: number(body.temperature, 0.8), topP: number(body.top_p, 0.95),
            seed: number(body.seed, Date.now() % 1e9), context: CONTEXT, stop: list(body.stop),
            form: {text: body.grammar, json: body.response_format?.type === "json_object",
                schema: body.response_format?.json_schema?.schema ?? body.response_format?.schema},
            usage: body.stream_options?.include_usage === true,
        }),
        piece: (text) => event({choices: [{index: 0, delta: {content: text}, finish_reason: null}]}),
        end: (got, ask) => event({choices: [{index: 0, delta: {}, finish_reason: got.finish}]}) +
            (ask.usage ? event({choices: [], usage: usage(got)}) : "") + "data: [DONE]\n\n",
        whole: (got) => JSON.stringify({...head("chat.completion"), choices: [{index: 0, finish_reason: got.finish,
            message: {role: "assistant", content: got.text}}], usage: usage(got)}),
        refusal: (error) => ({error: {message: error.message, type: error.code, code: error.code, param: null}}),
    },
};
const ollamaEnd = (got, text) => JSON.stringify({model: NAME, message: {role: "assistant", content: text}, done: true,
    done_reason: got.finish, prompt_eval_count: got.in, eval_count: got.out});
const head = (object) => ({id: "chatcmpl-1", object, created: 0, model: NAME, system_fingerprint: "node-llama-cpp"});
const event = (members) => "data: " + JSON.stringify({...head("chat.completion.chunk"), ...members}) + "\n\n";
const usage = (got) => ({prompt_tokens: got.in, completion_tokens: got.out, total_tokens: got.in + got.out});

/* ---- HTTP ---- */

async function bodyOf(request) {
    const parts = [];
    let size = 0;
    for await (const part of request) {
        size += part.length;
        if (size > BODY_MAX) throw new Refusal(413, "the request is too large", "invalid_request_error");
        parts.push(part);
    }
    try {
        return JSON.parse(Buffer.concat(parts).toString("utf8"));
    } catch {
        throw new Refusal(400, "the request is no JSON", "invalid_request_error");
    }
}

async function chat(dialect, request, response) {
    const body = await bodyOf(request);
    if (body?.model !== NAME) throw new Refusal(404, `model '${body?.model}' not found`, "model_not_found");
    if (!Array.isArray(body.messages)) throw new Refusal(400, "no messages", "invalid_request_error");
    const ask = dialect.ask(body);
    const gone = () => response.destroyed;
    const piece = async (text) => {
        if (!ask.stream) return;
        if (!response.headersSent) response.writeHead(200, {"content-type": dialect.type});
        response.write(dialect.piece(text));
        await new Promise(setImmediate); // the socket's turn: to be written to, and to be seen closing
    };
    const got = await queued(() => (gone() ? {finish: "gone"} : answer(ask, piece, gone)));
    if (got.finish === "gone") return;
    if (ask.stream) {
        if (!response.headersSent) response.writeHead(200, {"content-type": dialect.type});
        response.end(dialect.end(got, ask));
    } else {
        response.writeHead(200, {"content-type": "application/json"}).end(dialect.whole(got));
    }
}

const server = http.createServer(async (request, response) => {
    const dialect = dialects[request.url];
    const tell = (status, value) =>
        response.writeHead(status, {"content-type": "application/json"}).end(JSON.stringify(value));
    try {
        if (request.method === "GET" && request.url === "/stats") tell(200, stats);
        else if (request.method === "GET" && request.url === "/api/tags") tell(200, {models: [{name: NAME, model: NAME}]});
        else if (request.method === "POST" && dialect !== undefined) await chat(dialect, request, response);
        else tell(404, {error: "no such path"});
    } catch (error) {
        if (!(error instanceof Refusal)) console.error(error);
        if (response.headersSent) response.destroy();
        else tell(error.status ?? 500, (dialect ?? dialects["/api/chat"]).refusal(error));
    }
});
const leave = () => process.exit(0);

process.on("SIGTERM", leave);
process.stdin.on("end", leave).on("error", leave).resume();
server.listen(0, "127.0.0.1", () => console.log("listening " + server.address().port));
