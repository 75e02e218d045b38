// tests/engine/gguf.mjs - writes a language model that nobody trained: a GGUF file whose weights are computed here.
//
// One layer of the llama architecture with attention and feed-forward matrices of zeros, one-hot embeddings and a norm
// that gives the one-hot vector back: the logits are the row of the output matrix that belongs to the last token, and
// that row is log P(next | last), counted from the sentences below with a small floor. The engine that runs it does all
// its work (tokens, sampling, grammars, batches) as with any other model, and knows English of about one week.
import fs from "node:fs";

/* ---- what it was told: sentences and answers in the shapes that agents give, from a generator with a fixed seed ---- */

let state = 20240229;
const draw = (count) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * count);
};
const one = (list) => list[draw(list.length)];

const agents = ["agent-01", "agent-02", "agent-07", "agent-12"];
const goods = ["cloth", "grain", "iron", "café", "señal", "coin"];
const verbs = ["sells", "lends", "owes", "returns"];
const when = ["this season", "next season", "in four steps"];
const sentences = [
    () => `${one(agents)} ${one(verbs)} ${1 + draw(40)} ${one(goods)} ${one(when)} .`,
    () => `trust between ${one(agents)} and ${one(agents)} ${one(["grows", "shrinks", "holds"])} .`,
    () => `the market for ${one(goods)} is ${one(["quiet", "open", "closed"])} ${one(when)} .`,
];
const number = () => one([() => `${draw(100)}`, () => `0.${1 + draw(99)}`, () => `${draw(9)}.${draw(10)}`])();
const large = () => `${1 + draw(9)}e${draw(40)}`;
const note = () => one([() => "", () => one(agents), () => one(sentences)().slice(0, -2)])();
const texts = [
    ...sentences.map((make) => () => make() + (draw(2) ? " " + one(sentences)() : "")),
    () => `{"option":"${one(["post", "vote", "trade", "rest"])}","target":${one(["null", `"${one(agents)}"`])},` +
        `"work":${number()},"transfer":${draw(2) ? "-" : ""}${number()},"confidence":${number()},"note":"${note()}"}`,
    () => `{ "notes": "${note()}", "ops": [{"op":"update_edge","target":"${one(agents)}","other":null,"edits":[]},` +
        `{"op":"update_node","target":"${one(agents)}","number":${draw(60) ? number() : large()},"rate":null}] }`,
    // Seldom, escapes as models write them that were told to keep to ASCII; half of a pair comes of itself.
    () => draw(20) ? texts[0]() : `{"notes":"se\\u00f1al","text":"grin\\ud83e\\udd${draw(10)}d","note":"${note()}"}`,
];

/* ---- the vocabulary: 256 bytes, the words of the above with and without a blank in front, two marks ---- */

export const END = 0; // the end of an answer
export const ANSWER = 1; // stands behind the prompt: an answer begins
const FIRST_BYTE = 2;

const encoder = new TextEncoder();
const corpus = [];
for (let i = 0; i < 4000; i++)
    corpus.push(texts[i % texts.length]());
const words = [...new Set(corpus.flatMap((text) => text.match(/ ?[\p{L}_][\p{L}\p{N}_-]+| \d+(?= )| \./gu) ?? []))]
    .filter((word) => encoder.encode(word).length > 1).sort();

// The text of a token as the tokenizer that is named "rwkv" reads it: the longest token that fits goes first, always.
const escaped = (bytes) => [...bytes].map((byte) => "\\x" + byte.toString(16).padStart(2, "0")).join("");
const tokens = ["<|end|>", "<|answer|>"];
for (let byte = 0; byte < 256; byte++)
    tokens.push(escaped([byte]));
for (const word of words)
    tokens.push(escaped(encoder.encode(word)));
const count = tokens.length;

const ids = new Map(words.map((word, i) => [word, FIRST_BYTE + 256 + i]));
const longest = Math.max(...words.map((word) => word.length));
function tokenize(text) {
    const out = [];
    for (let at = 0; at < text.length;) {
        let size = Math.min(longest, text.length - at);
        while (size > 1 && !ids.has(text.slice(at, at + size)))
            size--;
        if (size > 1)
            out.push(ids.get(text.slice(at, at + size)));
        else
            out.push(...[...encoder.encode(text[at])].map((byte) => FIRST_BYTE + byte));
        at += size;
    }
    return out;
}

/* ---- the table ---- */

// Nothing is impossible: plain characters follow each other now and then, control characters, backslashes and the bytes
// of other alphabets almost never (a higher temperature brings them out).
const floor = (token) => {
    const byte = token - FIRST_BYTE;
    const plain = byte >= 32 && byte < 127 && byte !== 92;
    return token >= FIRST_BYTE + 256 ? 1e-5 : plain || token === END ? 2e-4 : byte === 10 || byte === 92 ? 2e-6 : 1e-11;
};

function table() {
    const counts = new Float64Array(count * count);
    for (const text of corpus) {
        const sequence = [ANSWER, ...tokenize(text), END];
        for (let i = 1; i < sequence.length; i++)
            counts[sequence[i - 1] * count + sequence[i]]++;
    }
    for (let last = 0; last < count; last++) {
        const row = counts.subarray(last * count, (last + 1) * count);
        const seen = row.reduce((sum, value) => sum + value, 0);
        for (let next = 0; next < count; next++)
            row[next] = Math.log((seen > 0 ? row[next] / seen : 0) + floor(next));
    }
    return counts;
}

/* ---- the file ---- */

const U32 = 4, F32 = 6, BOOL = 7, TEXT = 8, LIST = 9, I32 = 5;

class Writer {
    parts = [];
    size = 0;
    bytes(buffer) { this.parts.push(buffer); this.size += buffer.length; }
    number(size, write) { const buffer = Buffer.alloc(size); write(buffer); this.bytes(buffer); }
    u32(value) { this.number(4, (b) => b.writeUInt32LE(value)); }
    u64(value) { this.number(8, (b) => b.writeBigUInt64LE(BigInt(value))); }
    text(value) { const b = Buffer.from(value); this.u64(b.length); this.bytes(b); }
    value(type, value) {
        if (type === TEXT) this.text(value);
        else if (type === F32) this.number(4, (b) => b.writeFloatLE(value));
        else if (type === I32) this.number(4, (b) => b.writeInt32LE(value));
        else if (type === BOOL) this.number(1, (b) => b.writeUInt8(value ? 1 : 0));
        else this.u32(value);
    }
    pad(to) { this.bytes(Buffer.alloc((to - (this.size % to)) % to)); }
}

export function write(path) {
    const width = Math.ceil(count / 32) * 32, head = 32, inner = 32, epsilon = 1e-5;
    const tensors = [];
    const tensor = (name, dimensions, fill) => {
        const data = new Float32Array(dimensions.reduce((a, b) => a * b, 1));
        if (fill !== undefined) fill(data);
        tensors.push({name, dimensions, data});
    };
    const ones = (data) => data.fill(1);
    const logs = table();

    tensor("token_embd.weight", [width, count], (data) => { for (let i = 0; i < count; i++) data[i * width + i] = 1; });
    tensor("blk.0.attn_norm.weight", [width], ones);
    tensor("blk.0.attn_q.weight", [width, head]);
    tensor("blk.0.attn_k.weight", [width, head]);
    tensor("blk.0.attn_v.weight", [width, head]);
    tensor("blk.0.attn_output.weight", [head, width]);
    tensor("blk.0.ffn_norm.weight", [width], ones);
    tensor("blk.0.ffn_gate.weight", [width, inner]);
    tensor("blk.0.ffn_up.weight", [width, inner]);
    tensor("blk.0.ffn_down.weight", [inner, width]);
    // A one-hot vector comes out of the norm as 1 / sqrt(1/width + epsilon) at its place: made 1 again.
    tensor("output_norm.weight", [width], (data) => data.fill(Math.sqrt(1 / width + epsilon)));
    tensor("output.weight", [width, count], (data) => {
        for (let next = 0; next < count; next++)
            for (let last = 0; last < count; last++)
                data[next * width + last] = logs[last * count + next];
    });

    const members = [
        ["general.architecture", TEXT, "llama"], ["general.name", TEXT, "polis-bigram"], ["general.file_type", U32, 0],
        ["llama.vocab_size", U32, count], ["llama.context_length", U32, 4096], ["llama.embedding_length", U32, width],
        ["llama.block_count", U32, 1], ["llama.feed_forward_length", U32, inner],
        ["llama.attention.head_count", U32, 1], ["llama.attention.head_count_kv", U32, 1],
        ["llama.attention.key_length", U32, head], ["llama.attention.value_length", U32, head],
        ["llama.rope.dimension_count", U32, head], ["llama.attention.layer_norm_rms_epsilon", F32, epsilon],
        ["tokenizer.ggml.model", TEXT, "rwkv"], ["tokenizer.ggml.eos_token_id", U32, END],
        ["tokenizer.ggml.add_bos_token", BOOL, false], ["tokenizer.ggml.add_eos_token", BOOL, false],
        ["tokenizer.ggml.tokens", LIST, TEXT, tokens],
        ["tokenizer.ggml.token_type", LIST, I32, tokens.map((_, i) => (i < FIRST_BYTE ? 3 : 1))], // control, normal
    ];
    const out = new Writer();
    let offset = 0;

    out.bytes(Buffer.from("GGUF"));
    out.u32(3);
    out.u64(tensors.length);
    out.u64(members.length);
    for (const [name, type, value, list] of members) {
        out.text(name);
        out.u32(type);
        if (type !== LIST) {
            out.value(type, value);
            continue;
        }
        out.u32(value);
        out.u64(list.length);
        for (const item of list) out.value(value, item);
    }
    for (const {name, dimensions, data} of tensors) {
        out.text(name);
        out.u32(dimensions.length);
        for (const dimension of dimensions) out.u64(dimension);
        out.u32(0); // 32-bit floats
        out.u64(offset);
        offset += Math.ceil(data.byteLength / 32) * 32;
    }
    out.pad(32);
    for (const {data} of tensors) {
        out.bytes(Buffer.from(data.buffer));
        out.pad(32);
    }
    fs.writeFileSync(path, Buffer.concat(out.parts));
    return {tokens: count, bytes: out.size};
}
