// cachemodel: the soak: the oracle, which knows every value that was ever written.
// SPDX-License-Identifier: MIT
#pragma once

#include "soak/outages.hpp"
#include "soak/shared.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace cachemodel::soak {

/// How many steps of a key's history are known one by one.
inline constexpr std::size_t remembered = 256;
/// And how many before those, of the ones that were certainly done: while the server is down,
/// thousands fail in no time.
inline constexpr std::size_t remembered_longer = 64;

/// A read began and ended; what it found may have been taken at any time in between.
struct Interval {
    Time begin;
    Time end;
};

/// What is wrong with an answer; nothing where it is right.
using Verdict = std::optional<std::string>;

/// All that was done with one key of a model without a loader. What is read must be what some save
/// wrote that began before the read ended, and after which no other save, no removal and no death
/// of the server certainly came before the read began.
///
/// Each save gets a number, which is its value. A call whose failure leaves open whether it was
/// done counts from its begin until nothing of it can be left in the server's sockets.
///
/// Thread safety: may be called concurrently, by any process.
class History {
 public:
    enum class What : std::uint8_t { save, remove };

    /// To be called before the call is made; the number of the step.
    std::uint64_t begin(What what, std::chrono::seconds lifetime = {});
    /// After it. Where it is not `certain`, nobody knows whether it was done.
    void end(std::uint64_t number, bool certain);
    /// Before a touch, and after it.
    void touch(std::chrono::seconds lifetime);

    Verdict judge(std::uint64_t number, Interval read, const Outages& outages) const;
    /// That nothing was found: there must be a reason for it.
    Verdict judge_absent(Interval read, const Outages& outages) const;

 private:
    struct Step {
        std::uint64_t number;
        What what;
        bool is_certain;
        bool may_expire;
        Time begin;
        Time end;          ///< of the call
        Time lasts_until;  ///< at most
    };

    /// Nothing of it can happen any more.
    static Time settled(const Step& step, const Outages& outages);
    const Step* find(std::uint64_t number) const;
    void forget(const Step& step);
    Verdict judge_forgotten(std::uint64_t number, Interval read, const Outages& outages) const;
    /// From here on no forgotten step can happen any more.
    Time forgotten_settled(const Outages& outages) const;

    mutable SharedMutex mutex_;
    std::uint64_t newest_ = 0;
    Time touched_{};        ///< when a touch was last under way
    Time touched_until_{};  ///< how long it may have made entries last
    /// First the last ones, by their number, then older ones that were certainly done. Those that
    /// were never made have the number 0.
    std::array<Step, remembered + remembered_longer> steps_{};
    std::size_t next_certain_ = 0;  ///< place for one of these
    // Of the steps that are forgotten: when the last call ended, certain of what it had done or
    // not, and how many calls go on.
    Time certain_end_{};
    Time uncertain_end_{};
    int unended_ = 0;
};

/// One row of a source of truth. It is changed by `commit`, and then what was made from it is
/// removed from the cache. What is read must not be older than a version whose removal ended before
/// the read began.
///
/// Thread safety: may be called concurrently, by any process.
class Row {
 public:
    struct Version {
        std::uint64_t number = 0;
        bool exists = false;  ///< or it was deleted
    };

    Row() { versions_[1] = {{1, true}, {}, open_end}; }

    Version read() const;
    /// Makes a new version.
    Version commit(bool exists);
    /// What the cache had of versions before this one is removed.
    void removed(std::uint64_t number);

    Verdict judge(std::uint64_t number, Interval read) const;
    /// That there is no such row.
    Verdict judge_absent(Interval read) const;

 private:
    struct Known {
        Version version;
        Time committed;
        Time removed;  ///< the end of the removal that came after it
    };

    std::uint64_t oldest_allowed(Time begin) const;
    std::uint64_t first_known() const noexcept {
        return newest_ < remembered ? 1 : newest_ - remembered + 1;
    }

    mutable SharedMutex mutex_;
    std::uint64_t newest_ = 1;
    std::uint64_t oldest_ever_allowed_ = 1;  ///< of what is not known one by one any more
    std::array<Known, remembered> versions_{};
};

}  // namespace cachemodel::soak
