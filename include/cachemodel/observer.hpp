// cachemodel: what a cache tells about what it does.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace cachemodel {

/// What a cache does with its backend.
enum class Operation : std::uint8_t {
    get,
    peek,  ///< a read that is no use of the entry: `Cache::contains`
    set,
    add,
    compare_and_set,
    remove,
    touch,
    increment,
    remaining_lifetime,
    list_keys,
    clear,
};

/// "get", "compare and set" and so on.
std::string_view to_string(Operation operation) noexcept;

/// One call of a backend, after it.
///
/// Thread safety: that of a plain value.
/// Lifetime: the text is valid during the observer's call.
struct RoundTrip {
    std::string_view cache;  ///< the cache's name, empty where it has none
    Operation operation;
    std::size_t keys = 0;                 ///< how many it was about
    std::size_t done = 0;                 ///< found, stored, removed, touched, counted, listed
    std::size_t declined = 0;             ///< absent, or declined
    std::size_t failed = 0;               ///< the backend could not, or could not tell
    std::size_t bytes = 0;                ///< of the entries found or stored, as in `Statistics`
    std::chrono::nanoseconds duration{};  ///< by the steady time of the cache's clock
};

/// A key that not every backend would take.
///
/// Thread safety: that of a plain value.
/// Lifetime: the texts are valid during the observer's call.
struct KeyWarning {
    std::string_view cache;
    Operation operation;
    /// Bytes that are not visible ASCII are written `\xNN`; cut after 250 bytes.
    std::string_view final_key;
};

/// An error that `CacheOptions::ignore_errors` kept from the caller.
///
/// Thread safety: that of a plain value.
/// Lifetime: the text and the failure are valid during the observer's call.
struct IgnoredError {
    std::string_view cache;
    Operation operation;
    const Failure& failure;
};

/// A load that failed: what a loader, its second step, a cached function or the function of
/// `Cache::get_or_set` has thrown.
///
/// Thread safety: that of a plain value.
/// Lifetime: the texts and the failure are valid during the observer's call.
struct FailedLoad {
    std::string_view cache;
    /// The model's or the call's, as keys begin with it; empty for `get_or_set`.
    std::string_view name;
    /// As `key_for` has it: secret ones are a digest. Of `get_or_set` the key that it was given,
    /// written as in `KeyWarning`.
    std::string_view key;
    const Failure& failure;
    /// No caller gets the error: it is of a refresh, or of a second step, unless an `update` waits
    /// for that. Other errors are thrown, unless a stale entry is served instead or nobody waits
    /// any more.
    bool in_background = false;
};

/// A hit that the source, asked as well, did not confirm (`ModelOptions::verify`).
///
/// Thread safety: that of a plain value.
/// Lifetime: the texts are valid during the observer's call.
struct Mismatch {
    std::string_view cache;
    /// The model's or the call's, as keys begin with it.
    std::string_view name;
    /// As `key_for` has it: secret ones are a digest.
    std::string_view key;
    /// Names of the members that differ, as they are stored; all but the keys where the source has
    /// none any more. Of a cached call "result".
    std::span<const std::string_view> members;
};

/// Is told what a cache does: for logs, traces and metrics. Override what is of interest.
///
/// No call is made under a lock, nor while anybody waits until something is stored: an observer may
/// use the cache, and also remove or save what it is told about. But a call may come in the midst
/// of a load, as those of the loader do: whoever waits for that load must not keep the observer
/// waiting.
///
/// No call carries a value or an unescaped key; but a `Failure` may say whatever the user's code
/// has thrown. What a call throws is counted (`Statistics::observer_failures`) and has no other
/// consequence. A cache without an observer takes no time for any of this.
///
/// Thread safety: is called concurrently, by the threads that use the cache.
class Observer {
 public:
    virtual ~Observer() = default;

    virtual void round_trip(const RoundTrip& /*trip*/) {}
    virtual void key_warning(const KeyWarning& /*warning*/) {}
    virtual void ignored_error(const IgnoredError& /*error*/) {}
    /// Once for each of `Statistics::load_failures`.
    virtual void failed_load(const FailedLoad& /*load*/) {}
    /// Once for each of `Statistics::mismatches`.
    virtual void mismatch(const Mismatch& /*mismatch*/) {}
};

}  // namespace cachemodel
