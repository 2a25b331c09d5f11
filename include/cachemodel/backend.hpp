// cachemodel: what a store of bytes must be able to do.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>
#include <cachemodel/fwd.hpp>
#include <cachemodel/lifetime.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel {

/// What a backend can and cannot do.
///
/// A cache goes by `lifetime_resolution` and `portable_keys_only`; by `shared` and
/// `compare_and_set`, which loads, removals and updates of several processes need; and by
/// `atomic_increment` and `tells_lifetimes`, which say what of `Backend` works. The others are for
/// users to look at: it is the backend that refuses what is too large, or a key that it does not
/// take.
///
/// Thread safety: that of a plain value.
struct Capabilities {
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// A lifetime is kept in whole multiples of this; an entry may go up to one of them early.
    std::chrono::nanoseconds lifetime_resolution{1};
    std::size_t longest_key = unlimited;    ///< bytes of a final key
    std::size_t largest_value = unlimited;  ///< bytes of a value under the shortest key
    /// Keys with a byte up to 0x20 or with 0x7f are refused, not only warned of.
    bool portable_keys_only = false;
    bool shared = false;           ///< other processes see the same entries
    bool persistent = false;       ///< entries outlive the processes that use them
    bool compare_and_set = false;  ///< reads hand out tokens, `Store::compare_and_set` works
    /// A token stands for one writing. Otherwise it stands for the value: an entry that was written
    /// again with the same bytes counts as unchanged.
    bool token_per_write = true;
    bool atomic_increment = false;  ///< `Backend::increment` works
    /// Counters have no sign: one that would fall below zero becomes zero, and one that grows
    /// beyond what an `std::int64_t` holds is `Overflow` only after it has.
    bool counters_stop_at_zero = false;
    bool tells_lifetimes = false;  ///< `Backend::remaining_lifetime` works
    bool lists_keys = false;       ///< `Backend::list_keys` works
};

/// What became of one key of a writing call.
///
/// Thread safety: that of a plain value.
class [[nodiscard]] Outcome {
 public:
    /// Done: stored, removed, touched.
    Outcome() noexcept = default;
    /// Could not be done, or nobody knows whether it was.
    Outcome(Failure failure) noexcept : state_(State::failed), failure_(std::move(failure)) {}

    /// It answered and declined: `add` of a key that is there, `remove` or `touch` of one that is
    /// not, compare-and-set of an entry that changed or went.
    static Outcome declined_by_backend() noexcept {
        Outcome outcome;
        outcome.state_ = State::declined;
        return outcome;
    }

    bool done() const noexcept { return state_ == State::done; }
    bool declined() const noexcept { return state_ == State::declined; }
    bool failed() const noexcept { return state_ == State::failed; }

    /// Why it failed. Only for an outcome that `failed()`.
    const Failure& failure() const { return failure_.value(); }

 private:
    enum class State : std::uint8_t { done, declined, failed };

    State state_ = State::done;
    std::optional<Failure> failure_;
};

/// One entry to be written.
///
/// Thread safety: that of a plain value.
/// Lifetime: the views must live until the call returns.
struct Entry {
    std::string_view key;
    std::string_view value;
    Lifetime lifetime;        ///< never zero or negative: that is a removal
    std::uint64_t token = 0;  ///< for `Store::compare_and_set`: what the read handed out
};

/// How an entry is written.
enum class Store : std::uint8_t {
    set,              ///< whatever was there
    add,              ///< only where nothing is there, atomically
    compare_and_set,  ///< only where the entry is still the one that was read, atomically
};

/// Takes the answers of a read, each exactly once, in any order.
///
/// Thread safety: a call of a backend gives its answers one after the other.
class ReadSink {
 public:
    /// `value` is valid during the call only. No lock of the backend is held; a connection may be.
    virtual void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept = 0;
    /// The backend answered and has nothing under this key.
    virtual void absent(std::size_t index) noexcept = 0;
    /// The backend has something under this key that cannot be used, for this reason. It counts as
    /// nothing: whatever is written next replaces it, by `Store::add` too. As `absent`, unless the
    /// sink wants to know.
    virtual void unusable(std::size_t index, MissReason) noexcept { absent(index); }
    /// The backend could not tell.
    virtual void failed(std::size_t index, const Failure& failure) noexcept = 0;

 protected:
    ~ReadSink() = default;
};

/// Takes the keys that a backend lists.
///
/// Thread safety: a call of a backend gives its keys one after the other.
class KeySink {
 public:
    /// A final key, valid during the call only. No lock of the backend is held. What this throws
    /// ends the listing and leaves it.
    virtual void key(std::string_view key) = 0;

 protected:
    ~KeySink() = default;
};

/// One thing that a backend knows about itself, such as how many entries it holds.
///
/// Thread safety: that of a plain value.
struct Fact {
    std::string subject;  ///< of several servers which one; empty where there is only one
    std::string name;
    std::string value;
};

/// How one server of a backend has done lately, as the calls of this process have seen it.
///
/// Thread safety: that of a plain value.
struct ServerState {
    std::string name;      ///< as in messages: `host:port`, or the socket's path
    bool is_down = false;  ///< its circuit breaker is open: it failed, and is left alone for now
    std::chrono::nanoseconds down_for{};  ///< for how long it has been, where it is
    /// The last calls that tell something, at most 20, since it went down or came up again.
    int recent_calls = 0;
    int recent_failures = 0;  ///< so many of them failed
};

/// A store of bytes under keys. Many keys at a time; one key is a batch of one.
///
/// Every key gets its own answer, and "could not tell" is never "nothing there". A call throws only
/// what is no key's own fault: memory that ran out. A call on no keys does nothing. Keys given
/// twice are answered twice; of two entries under one key the last one stays.
///
/// Thread safety: may be called concurrently.
class Backend {
 public:
    virtual ~Backend() = default;

    virtual const Capabilities& capabilities() const noexcept = 0;

    virtual void get_many(std::span<const std::string_view> keys, ReadSink& sink) = 0;

    /// Writes `entries`; `outcomes` has one place for each. A value that is too large fails with
    /// `ValueTooLarge`, and `Store::set` then leaves nothing under its key.
    virtual void store_many(Store how, std::span<const Entry> entries,
                            std::span<Outcome> outcomes) = 0;

    virtual void remove_many(std::span<const std::string_view> keys,
                             std::span<Outcome> outcomes) = 0;

    /// Gives entries another lifetime, from now on, without rewriting them. `lifetime` is positive.
    virtual void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                            std::span<Outcome> outcomes) = 0;

    /// Removes everything in the store, whoever wrote it.
    ///
    /// Errors: `BackendError`.
    virtual void clear() = 0;

    /// Gives up connections and other resources; the next call takes them again.
    virtual void close() noexcept {}

    // What follows need not be overridden. Where it is not, it answers that it is not supported.

    /// As `get_many`, but it is no use of the entries: what has to make room later is chosen as if
    /// this had not been. By default `get_many`.
    virtual void peek_many(std::span<const std::string_view> keys, ReadSink& sink);

    /// Adds `delta` to the decimal number that is stored under `key`, atomically, and writes the
    /// sum to `value`. The entry keeps its lifetime, and changes its token.
    ///
    /// Declines where nothing is there. Fails with `NotAnInteger` where something else is, and with
    /// `Overflow` where the sum does not fit into 64 bits with a sign; the entry is unchanged then,
    /// unless `Capabilities::counters_stop_at_zero`.
    virtual Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value);

    /// Writes to `left` how long the entry has, rounded as the backend keeps lifetimes. Declines
    /// where nothing is there.
    virtual Outcome remaining_lifetime(std::string_view key, Lifetime& left);

    /// Lists every living entry whose key begins with `prefix`, in any order; an entry that is
    /// written or removed meanwhile may be listed or not, and none twice if it can be helped.
    ///
    /// Errors: `BackendError`.
    virtual void list_keys(std::string_view prefix, KeySink& sink);

    /// What a person wants to know about the store: entries, bytes, versions of servers. By default
    /// nothing. A fact named `state` is the failure of its subject, one of several servers; nothing
    /// else has this name.
    ///
    /// Errors: `BackendError` when nothing could be told.
    virtual std::vector<Fact> facts();

    /// What is known of each of its servers without asking any. By default nothing: there are none.
    virtual std::vector<ServerState> servers();
    /// Which of them holds an entry under `key`: the position in `servers()`. By default
    /// `std::string_view::npos`: it does not tell.
    virtual std::size_t server_of(std::string_view /*key*/) const noexcept {
        return std::string_view::npos;
    }
};

}  // namespace cachemodel
