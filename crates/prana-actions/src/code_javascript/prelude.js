// What a run finds around its code. The host calls this with a function that writes a line to the console, and keeps what it returns.
(write) => {
  'use strict'
  const { apply, construct } = Reflect
  const { defineProperty, getPrototypeOf } = Object
  const { isArray, from } = Array
  const { stringify } = JSON
  const text = String
  const define = (target, name, value) => defineProperty(target, name, { value, writable: true, configurable: true })
  const refuse = (message) => {
    throw new Error(message)
  }

  // Nothing that differs from one run to the next.
  for (const name of ['eval', 'Atomics', 'SharedArrayBuffer', 'WeakRef', 'FinalizationRegistry', 'performance']) {
    delete globalThis[name]
  }
  define(Math, 'random', () => refuse('there is no randomness in code: a run can be repeated'))
  const AsyncFunction = (async () => {}).constructor
  const noFunction = function Function() {
    refuse('code makes no functions from text')
  }
  noFunction.prototype = Function.prototype
  define(globalThis, 'Function', noFunction)
  for (const kind of [() => {}, async () => {}, function* () {}, async function* () {}]) {
    define(getPrototypeOf(kind), 'constructor', noFunction)
  }

  // Dates without a clock, and in UTC wherever the server stands.
  const RealDate = Date
  const dates = Date.prototype
  const { parse, UTC } = Date
  const { getTimezoneOffset, getTime } = dates
  const noClock = () => refuse('there is no clock in code: `$now` is the time at which this run began')
  const zoned = /(?:Z|GMT|UTC|[+-]\d\d:?\d\d)\s*(?:\([^)]*\))?$/i
  const dateAlone = /^[+-]?\d+(?:-\d\d){0,2}$/
  const read = (value) => {
    const time = parse(value)
    if (time !== time || zoned.test(value) || dateAlone.test(value)) return time
    return time - apply(getTimezoneOffset, new RealDate(time), []) * 60000
  }
  const timeOf = (values) => {
    if (values.length > 1) return apply(UTC, RealDate, values)
    const [value] = values
    return typeof value === 'string' ? read(value) : value
  }
  const PlainDate = new Proxy(RealDate, {
    apply: noClock,
    construct: (_, values, target) =>
      values.length === 0
        ? noClock()
        : construct(RealDate, [timeOf(values)], target === PlainDate ? RealDate : target),
  })
  define(RealDate, 'now', noClock)
  define(RealDate, 'parse', (value) => read(text(value)))
  define(dates, 'constructor', PlainDate)
  define(dates, 'getTimezoneOffset', function () {
    return apply(getTime, this, []) * 0
  })
  for (const part of ['FullYear', 'Month', 'Date', 'Day', 'Hours', 'Minutes', 'Seconds', 'Milliseconds']) {
    define(dates, `get${part}`, dates[`getUTC${part}`])
    if (part !== 'Day') define(dates, `set${part}`, dates[`setUTC${part}`])
  }
  for (const form of ['', 'Date', 'Time', 'Locale', 'LocaleDate', 'LocaleTime']) {
    define(dates, `to${form}String`, dates.toUTCString)
  }
  delete dates.getYear
  delete dates.setYear
  define(globalThis, 'Date', PlainDate)

  // Built-in loops that look at no clock get no more than they can do in the time.
  const guard = (target, names, check) => {
    for (const name of names) {
      const real = target[name]
      const guarded = { [name](...values) { return apply(real, check(this, values, name), values) } }[name]
      define(target, name, guarded)
    }
  }
  const MOST_ITEMS = 2 ** 25
  const MOST_COMPARED = 2 ** 35
  const short = (list, name) => (list.length > MOST_ITEMS ? refuse(`the array is too long for ${name}`) : list)
  const onArrays = (list, _, name) =>
    isArray(list) ? short(list, name) : refuse(`${name} works on arrays here, and this is none`)
  const onCopies = (list, _, name) => short(isArray(list) ? list : from(list), name)
  const onSeveral = (list, values, name) => {
    for (let at = 0; at < values.length; at++) {
      values[at] = isArray(values[at]) ? short(values[at], name) : [values[at]]
    }
    return onArrays(list, values, name)
  }
  const lists = Array.prototype
  guard(lists, ['concat'], onSeveral)
  guard(lists, ['slice', 'join', 'flat', 'toSorted', 'toReversed', 'toSpliced', 'with', 'toLocaleString'], onCopies)
  const seen = ['forEach', 'map', 'filter', 'some', 'every', 'reduce', 'reduceRight', 'indexOf', 'lastIndexOf', 'includes']
  guard(lists, seen, onCopies)
  guard(lists, ['fill', 'copyWithin', 'reverse', 'sort', 'splice', 'shift', 'unshift', 'flatMap'], onArrays)
  const fewDropped = (self, values, name) =>
    values[0] > MOST_ITEMS ? refuse(`too many items for ${name}`) : self
  guard(Iterator.prototype, ['drop'], fewDropped)
  const onText = (self, values) => {
    const subject = typeof self === 'string' ? self : text(self)
    const wanted = values[0]
    const isObject = wanted !== null && typeof wanted === 'object' && !(wanted instanceof RegExp)
    if (isObject) values[0] = text(wanted)
    if (typeof values[0] === 'string' && subject.length * values[0].length > MOST_COMPARED) {
      refuse('the texts are too long to look for one in the other')
    }
    return subject
  }
  guard(String.prototype, ['indexOf', 'lastIndexOf', 'includes', 'split', 'replace', 'replaceAll'], onText)
  const parts = (self, values, name) => {
    const raw = values[0]?.raw
    values[0] = { raw: short(isArray(raw) ? raw : from(raw ?? []), name) }
    return self
  }
  guard(String, ['raw'], parts)
  const marks = /\p{M}{500}/u
  const { test } = RegExp.prototype
  const composed = (self, values) => {
    const subject = text(self)
    if (apply(test, marks, [subject]) || apply(test, marks, [text(values[0])])) {
      refuse('the text has too many marks in a row')
    }
    return subject
  }
  guard(String.prototype, ['normalize', 'localeCompare'], composed)

  const big = (_, value) => (typeof value === 'bigint' ? text(value) : value)
  const shown = (value) => {
    if (typeof value === 'string') return value
    try {
      if (value instanceof Error) return text(value)
      return stringify(value, big) ?? text(value)
    } catch {
      return '[a value that can not be shown]'
    }
  }
  const line = (level) => (...values) => {
    let all = ''
    for (let at = 0; at < values.length && all.length < 2000; at++) all += (at ? ' ' : '') + shown(values[at])
    write(level, all.substring(0, 2000))
  }
  const { substring } = String.prototype
  define(globalThis, 'console', {
    debug: line('debug'),
    log: line('info'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
  })

  class Port {
    #name
    #data
    constructor(name, data) {
      this.#name = name
      this.#data = data
    }
    static open(result) {
      const isPort = result !== null && typeof result === 'object' && #name in result
      return isPort ? [result.#name, result.#data] : [null, result]
    }
  }
  const { open } = Port
  define(globalThis, 'port', (name, data = null) => {
    if (typeof name !== 'string' || name === '') refuse('port(name, data) needs the name of an output port')
    return new Port(name, data)
  })

  const nodes = (keys, load) => {
    const all = {}
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]
      const get = () => {
        const value = load(at)
        defineProperty(all, key, { value, enumerable: true, writable: true, configurable: true })
        return value
      }
      defineProperty(all, key, { get, enumerable: true, configurable: true })
    }
    return all
  }

  const strange = [[Map, 'a Map'], [Set, 'a Set'], [WeakMap, 'a WeakMap'], [WeakSet, 'a WeakSet'], [Promise, 'a promise'],
    [RegExp, 'a regular expression'], [ArrayBuffer, 'bytes'], [DataView, 'bytes'], [getPrototypeOf(Int8Array), 'bytes'],
    [Error, 'an error'], [Port, 'a port']]
  const kind = (value) => {
    for (let at = 0; at < strange.length; at++) if (value instanceof strange[at][0]) return strange[at][1]
    return null
  }
  const { toWellFormed } = String.prototype

  return {
    compile: (names, code) => construct(AsyncFunction, [...names, `'use strict';\n${code}`]),
    open,
    nodes,
    kind,
    show: (thrown) => shown(thrown),
    wellFormed: (value) => apply(toWellFormed, value, []),
  }
}
