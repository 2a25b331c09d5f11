// cachemodel: forward declarations of the public types.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace cachemodel {

/// What becomes of an object one of whose targets is not there.
enum class Dangling : std::uint8_t {
    missing,  ///< it counts as missing itself
    keep,     ///< it is delivered, and the reference stays unloaded
};

template <class T>
class Key;
template <class T>
class Field;
template <class T>
class Binary;
template <class T>
class Json;
template <class M, Dangling policy = Dangling::missing>
class Reference;
template <class T>
class Lookup;
template <auto... members>
struct By;
template <class... Sets>
struct SecondaryKeys;
template <class M, class... Contexts>
class Models;
template <class M>
class CacheModel;
template <class M>
class MissingModel;
template <class M>
struct Created;
template <class Result>
struct CallOptions;
template <class Target, class Result, class... Arguments>
class CachedCall;
template <class Target, class Result, class Object, class... Parameters>
class CachedObjectCall;
template <class Target, class Result, class... Parameters>
class CachedFunctionCall;
template <auto method, auto... members>
class CachedMethod;
template <auto function>
class CachedFunction;
template <auto method>
class CachedFormMethod;

class Backend;
class BackendError;
class Cache;
class Caches;
class CacheUrl;
class Clock;
class ConfigError;
class Conflict;
class Error;
class Executor;
class Failure;
class FileBackend;
class IncompleteKey;
class InvalidForm;
class InvalidKey;
class KeySink;
class Lifetime;
class MemcachedBackend;
class MemoryBackend;
class Missing;
class NotAnInteger;
class NullBackend;
class Outcome;
class Overflow;
class ReadSink;
class RecursiveLoad;
class RedisBackend;
class ScopedCaches;
class SqliteBackend;
class Task;
class ThreadPool;
class TypeMismatch;
class UnloadedReference;
class ValueTooLarge;
class WireNames;
struct BrokenReference;
struct CacheOptions;
struct Capabilities;
struct Entry;
struct Explanation;
struct Fact;
struct FileOptions;
struct Latencies;
struct LatencyHistogram;
struct MemcachedOptions;
struct MemcachedServer;
struct MemoryOptions;
struct MemoryUsage;
struct ModelOptions;
struct Never;
struct RedisOptions;
struct ServerState;
struct SqliteOptions;
struct Statistics;
struct ThreadPoolOptions;
struct ThreadPoolUsage;
struct WireName;

enum class BackendFault : std::uint8_t;
enum class EntryState : std::uint8_t;
enum class MissReason : std::uint8_t;
enum class Store : std::uint8_t;

}  // namespace cachemodel
