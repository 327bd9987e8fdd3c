// Networks of tacit, run in the page: the layers of src/tacit/models on one image or code.
//
// A value is {data, shape}: numbers in the order of the axes, shape without a batch. Layers come
// from layers.py as tables, each with its `kind`; their weights lie in one packed buffer
// (packing.py) and are taken from it by `tensor`. Sums run in float64, so that results differ
// from PyTorch's by the rounding of its float32 alone.
"use strict";

const Network = (() => {
  /** The bytes of a text in base64, unpacked from zlib's form: a promise of an ArrayBuffer. */
  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).arrayBuffer();
  }

  /** The number that 16 bits stand for (IEEE 754 binary16). */
  function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }

  /** Numbers as packing.py laid them: {at, shape, form} to {data, shape}. */
  function tensor(buffer, {at, shape, form}) {
    const n = shape.reduce((a, b) => a * b, 1);
    if (form === "bytes") return {data: new Uint8Array(buffer, at, n), shape};
    if (form === "float32") return {data: new Float32Array(buffer.slice(at, at + 4 * n)), shape};
    const data = new Float32Array(n);
    if (form === "float16") {
      const low = new Uint8Array(buffer, at, n), high = new Uint8Array(buffer, at + n, n);
      for (let i = 0; i < n; i++) data[i] = half((high[i] << 8) | low[i]);
    } else if (form === "steps") {
      const rows = shape[0], width = n / rows;
      const sizes = new Float32Array(buffer.slice(at, at + 4 * rows));
      const steps = new Int8Array(buffer, at + 4 * rows, n);
      for (let i = 0; i < n; i++) data[i] = steps[i] * sizes[Math.floor(i / width)];
    } else {
      throw new TypeError(`no numbers are laid as "${form}"`);
    }
    return {data, shape};
  }

  /** Layers with their weights taken from the buffer. */
  function load(buffer, layers) {
    return layers.map((layer) => {
      const loaded = {...layer};
      for (const name of ["weight", "bias"]) {
        if (layer[name]) loaded[name] = tensor(buffer, layer[name]);
      }
      for (const name of ["within", "shortcut"]) {
        if (layer[name]) loaded[name] = load(buffer, layer[name]);
      }
      if (["convolution", "transposed"].includes(layer.kind)) {
        loaded.kernel = layer.weight.shape.slice(2);
        loaded.taps = taps(loaded.weight, layer.kind === "transposed");
      }
      return loaded;
    });
  }

  /** The error function (Abramowitz and Stegun 7.1.26); wrong by at most 1.5e-7. */
  function erf(x) {
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741
      + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - series * Math.exp(-x * x));
  }

  /** Every number by itself. */
  const each = (function_) => ({data, shape}) => ({data: Float64Array.from(data, function_), shape});

  const kinds = {
    relu: each((x) => (x > 0 ? x : 0)),
    tanh: each(Math.tanh),
    gelu: each((x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2))),
    sigmoid: each((x) => 1 / (1 + Math.exp(-x))),

    softmax({data, shape}) {
      const highest = data.reduce((a, b) => Math.max(a, b));
      const parts = Float64Array.from(data, (x) => Math.exp(x - highest));
      const sum = parts.reduce((a, b) => a + b);
      return {data: parts.map((x) => x / sum), shape};
    },

    /** W x + b; weight: (out, in). */
    linear({data}, {weight, bias}) {
      const [n_out, n_in] = weight.shape, w = weight.data;
      const out = new Float64Array(n_out);
      for (let o = 0, at = 0; o < n_out; o++) {
        let sum = bias ? bias.data[o] : 0;
        for (let i = 0; i < n_in; i++) sum += w[at++] * data[i];
        out[o] = sum;
      }
      return {data: out, shape: [n_out]};
    },

    /** A convolution; weight: (out, in, kernel, kernel). */
    convolution(value, layer) {
      const {weight: {shape: [n_out, , ...kernel]}, stride, padding} = layer;
      const sides = value.shape.slice(1).map(
        (side, axis) => Math.floor((side + 2 * padding[axis] - kernel[axis]) / stride[axis]) + 1,
      );
      return scattered(value, layer, n_out, sides, (axis, from, tap) => {
        const to = (from + padding[axis] - tap) / stride[axis];
        return Number.isInteger(to) ? to : -1;
      });
    },

    /** A convolution's transpose; weight: (in, out, kernel, kernel). */
    transposed(value, layer) {
      const {weight: {shape: [, n_out, ...kernel]}, stride, padding, output_padding} = layer;
      const sides = value.shape.slice(1).map((side, axis) =>
        (side - 1) * stride[axis] - 2 * padding[axis] + kernel[axis] + output_padding[axis]);
      return scattered(value, layer, n_out, sides,
        (axis, from, tap) => from * stride[axis] + tap - padding[axis]);
    },

    /** The largest of each square of `size` × `size`; what is left over at the edges is dropped. */
    maximum({data, shape}, {size}) {
      const [channels, height, width] = shape;
      const tall = Math.floor(height / size), wide = Math.floor(width / size);
      const out = new Float64Array(channels * tall * wide).fill(-Infinity);
      for (let c = 0; c < channels; c++) {
        for (let y = 0; y < tall * size; y++) {
          for (let x = 0; x < wide * size; x++) {
            const to = (c * tall + Math.floor(y / size)) * wide + Math.floor(x / size);
            out[to] = Math.max(out[to], data[(c * height + y) * width + x]);
          }
        }
      }
      return {data: out, shape: [channels, tall, wide]};
    },

    /** Mean 0 and variance 1 over groups of channels, then a factor and a term for each channel. */
    groups({data, shape}, {weight, bias, groups, eps}) {
      const places = shape[1] * shape[2], n = shape[0] / groups * places;
      const out = Float64Array.from(data);
      for (let g = 0; g < groups; g++) {
        const part = out.subarray(g * n, (g + 1) * n);
        const mean = part.reduce((a, b) => a + b) / n;
        const variance = part.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
        const scale = 1 / Math.sqrt(variance + eps);
        for (let i = 0; i < n; i++) {
          const channel = Math.floor((g * n + i) / places);
          part[i] = (part[i] - mean) * scale * weight.data[channel] + bias.data[channel];
        }
      }
      return {data: out, shape};
    },

    /** relu(shortcut(x) + within(x)). */
    residual(value, {within, shortcut}) {
      const around = run(shortcut, value), through = run(within, value);
      return kinds.relu({data: through.data.map((x, i) => x + around.data[i]), shape: through.shape});
    },

    /** The mean over places: (C, H, W) to (C). */
    places({data, shape}) {
      const n = shape[1] * shape[2];
      const out = new Float64Array(shape[0]);
      for (let i = 0; i < data.length; i++) out[Math.floor(i / n)] += data[i] / n;
      return {data: out, shape: [shape[0]]};
    },

    flat: ({data}) => ({data, shape: [data.length]}),
    shaped: ({data}, {shape}) => ({data, shape}),
  };

  /**
   * Every number times every tap, added to where `goes(axis, from, tap)` says; outside is dropped.
   *
   * Channels are innermost on the way, so that the inner loop is long and runs through memory in
   * order; noughts, which ReLU leaves many of, cost nothing.
   */
  function scattered({data, shape: [n_in, ...from]}, {taps, kernel, bias}, n_out, sides, goes) {
    const [tall, wide] = sides, out = new Float64Array(tall * wide * n_out);
    if (bias) for (let at = 0; at < out.length; at += n_out) out.set(bias.data, at);
    const [down, across] = from.map((side, axis) => Array.from({length: side}, (_, place) =>
      Array.from({length: kernel[axis]}, (_, tap) => [tap, goes(axis, place, tap)])
        .filter(([, to]) => to >= 0 && to < sides[axis])));
    for (let i = 0, at = 0; i < n_in; i++) {
      for (let y = 0; y < from[0]; y++) {
        for (let x = 0; x < from[1]; x++) {
          const number = data[at++];
          if (number === 0) continue;
          for (const [tap_y, to_y] of down[y]) {
            for (const [tap_x, to_x] of across[x]) {
              const first = ((i * kernel[0] + tap_y) * kernel[1] + tap_x) * n_out;
              const to = (to_y * wide + to_x) * n_out;
              for (let o = 0; o < n_out; o++) out[to + o] += number * taps[first + o];
            }
          }
        }
      }
    }
    const turned = new Float64Array(out.length);
    for (let o = 0, at = 0; o < n_out; o++) {
      for (let place = o; place < out.length; place += n_out) turned[at++] = out[place];
    }
    return {data: turned, shape: [n_out, tall, wide]};
  }

  /** The taps of a convolution as `scattered` takes them: (in, kernel, kernel, out). */
  function taps({data, shape}, transposed) {
    const [n_in, n_out] = transposed ? shape : [shape[1], shape[0]];
    const size = shape[2] * shape[3], turned = new Float32Array(data.length);
    for (let i = 0, at = 0; i < n_in; i++) {
      for (let tap = 0; tap < size; tap++) {
        for (let o = 0; o < n_out; o++) {
          turned[at++] = data[(transposed ? i * n_out + o : o * n_in + i) * size + tap];
        }
      }
    }
    return turned;
  }

  /** What layers make of a value, one after the other. */
  function run(layers, value) {
    return layers.reduce((between, layer) => kinds[layer.kind](between, layer), value);
  }

  return {unpack, tensor, load, run};
})();
