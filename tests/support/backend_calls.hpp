// cachemodel: a backend's batch calls, in the form that is short to write in a test.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/lookup.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::support {

/// One key's answer to a read.
struct Read {
    enum class Kind : std::uint8_t { unanswered, found, absent, failed };

    Kind kind = Kind::unanswered;
    std::string value;
    std::uint64_t token = 0;
    std::optional<Failure> failure;
    MissReason reason = MissReason::nothing_stored;
    int answers = 0;

    bool found() const { return kind == Kind::found && answers == 1; }
    bool found(std::string_view expected) const { return found() && value == expected; }
    bool absent() const { return kind == Kind::absent && answers == 1; }
    bool absent_because(MissReason why) const { return absent() && reason == why; }
    bool failed() const { return kind == Kind::failed && answers == 1; }

    friend std::ostream& operator<<(std::ostream& out, const Read& read) {
        constexpr std::string_view names[] = {"unanswered", "found", "absent", "failed"};
        out << names[static_cast<std::size_t>(read.kind)] << ", answers: " << read.answers;
        if (read.kind == Kind::found) out << ", " << read.value.size() << " bytes: " << read.value;
        if (read.kind == Read::Kind::absent) out << ", " << to_string(read.reason);
        if (read.failure) out << ", " << read.failure->message();
        return out;
    }
};

class ReadKeeper final : public ReadSink {
 public:
    explicit ReadKeeper(std::size_t keys) : reads(keys) {}

    void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept override {
        Read& read = reads.at(index);
        read.kind = Read::Kind::found;
        read.value = value;
        read.token = token;
        ++read.answers;
    }
    void absent(std::size_t index) noexcept override {
        reads.at(index).kind = Read::Kind::absent;
        ++reads.at(index).answers;
    }
    void unusable(std::size_t index, MissReason reason) noexcept override {
        reads.at(index).reason = reason;
        absent(index);
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        reads.at(index).kind = Read::Kind::failed;
        reads.at(index).failure = failure;
        ++reads.at(index).answers;
    }

    std::vector<Read> reads;
};

inline std::vector<Read> get_many(Backend& backend, const std::vector<std::string>& keys) {
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    ReadKeeper keeper{keys.size()};
    backend.get_many(views, keeper);
    return keeper.reads;
}

inline Read get(Backend& backend, std::string_view key) {
    ReadKeeper keeper{1};
    backend.get_many({&key, 1}, keeper);
    return keeper.reads.front();
}

inline std::vector<Read> peek_many(Backend& backend, const std::vector<std::string>& keys) {
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    ReadKeeper keeper{keys.size()};
    backend.peek_many(views, keeper);
    return keeper.reads;
}

inline Read peek(Backend& backend, std::string_view key) {
    ReadKeeper keeper{1};
    backend.peek_many({&key, 1}, keeper);
    return keeper.reads.front();
}

inline Outcome store(Backend& backend, Store how, std::string_view key, std::string_view value,
                     Lifetime lifetime = never, std::uint64_t token = 0) {
    const Entry entry{key, value, lifetime, token};
    // Something that no call leaves behind, to see that it has answered.
    Outcome outcome{Failure{BackendFault::protocol, "unanswered"}};
    backend.store_many(how, {&entry, 1}, {&outcome, 1});
    return outcome;
}

inline Outcome set(Backend& backend, std::string_view key, std::string_view value,
                   Lifetime lifetime = never) {
    return store(backend, Store::set, key, value, lifetime);
}

inline Outcome add(Backend& backend, std::string_view key, std::string_view value,
                   Lifetime lifetime = never) {
    return store(backend, Store::add, key, value, lifetime);
}

inline Outcome compare_and_set(Backend& backend, std::string_view key, std::string_view value,
                               std::uint64_t token, Lifetime lifetime = never) {
    return store(backend, Store::compare_and_set, key, value, lifetime, token);
}

inline std::vector<Outcome> remove_many(Backend& backend, const std::vector<std::string>& keys) {
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    std::vector<Outcome> outcomes(keys.size(),
                                  Outcome{Failure{BackendFault::protocol, "unanswered"}});
    backend.remove_many(views, outcomes);
    return outcomes;
}

inline Outcome remove(Backend& backend, std::string_view key) {
    Outcome outcome{Failure{BackendFault::protocol, "unanswered"}};
    backend.remove_many({&key, 1}, {&outcome, 1});
    return outcome;
}

inline Outcome touch(Backend& backend, std::string_view key, Lifetime lifetime) {
    Outcome outcome{Failure{BackendFault::protocol, "unanswered"}};
    backend.touch_many({&key, 1}, lifetime, {&outcome, 1});
    return outcome;
}

/// The answer of `increment`.
struct Counted {
    Outcome outcome;
    std::int64_t value = 0;

    bool is(std::int64_t expected) const { return outcome.done() && value == expected; }
    bool declined() const { return outcome.declined(); }

    friend std::ostream& operator<<(std::ostream& out, const Counted& counted) {
        if (counted.outcome.done()) return out << "counted to " << counted.value;
        if (counted.outcome.declined()) return out << "declined";
        return out << "failed, " << counted.outcome.failure().message();
    }
};

inline Counted increment(Backend& backend, std::string_view key, std::int64_t delta = 1) {
    Counted counted{Failure{BackendFault::protocol, "unanswered"}};
    counted.outcome = backend.increment(key, delta, counted.value);
    return counted;
}

/// The answer of `remaining_lifetime`.
struct Remaining {
    Outcome outcome;
    Lifetime left = std::chrono::nanoseconds{-1};

    bool is(Lifetime expected) const { return outcome.done() && left == expected; }
    bool declined() const { return outcome.declined(); }

    friend std::ostream& operator<<(std::ostream& out, const Remaining& remaining) {
        if (remaining.outcome.declined()) return out << "declined";
        if (remaining.outcome.failed()) return out << remaining.outcome.failure().message();
        if (remaining.left.is_never()) return out << "never ends";
        return out << remaining.left.duration().count() << " ns left";
    }
};

inline Remaining remaining_lifetime(Backend& backend, std::string_view key) {
    Remaining remaining{Failure{BackendFault::protocol, "unanswered"}};
    remaining.outcome = backend.remaining_lifetime(key, remaining.left);
    return remaining;
}

/// The keys that are listed, sorted; one that is listed twice stands there twice.
inline std::vector<std::string> list_keys(Backend& backend, std::string_view prefix = "") {
    struct Keeper final : KeySink {
        void key(std::string_view key) override { keys.emplace_back(key); }
        std::vector<std::string> keys;
    } keeper;
    backend.list_keys(prefix, keeper);
    std::ranges::sort(keeper.keys);
    return keeper.keys;
}

/// Whether `outcome` is a failure that throws an `E`.
template <class E>
bool fails_with(const Outcome& outcome) {
    if (!outcome.failed()) return false;
    try {
        outcome.failure().rethrow();
    } catch (const E&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace cachemodel::support
