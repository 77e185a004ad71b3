#!/usr/bin/env node
// The sources run as they are: tsx strips the types, so there is no build step and no stale output.
require('./typescript');
require('../cli/main.ts');
