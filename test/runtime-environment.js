/**
 * Jest runs every test file in a realm of its own, whose Float32Array is not the one that the runtime's native code knows:
 * a tensor would be refused. The typed arrays of the outer realm go in.
 */
const { TestEnvironment } = require('jest-environment-node');

const SHARED = [Float32Array, Float64Array, BigInt64Array, Int32Array, Uint16Array, Uint8Array];

module.exports = class RuntimeEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const type of SHARED) this.global[type.name] = type;
  }
};
