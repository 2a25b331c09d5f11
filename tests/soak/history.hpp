// cachemodel: the soak: all that was done with one key of a model without a loader.
// SPDX-License-Identifier: MIT
#pragma once

#include "soak/outages.hpp"
#include "soak/shared.hpp"
#include "soak/verdict.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cachemodel::soak {

/// How many steps of a key's history are known one by one.
inline constexpr std::size_t remembered = 256;
/// And how many before those, of the ones that were certainly done: while the server is down,
/// thousands fail in no time.
inline constexpr std::size_t remembered_longer = 64;

/// All that was done with one key of a model without a loader. What is read must be what some save
/// wrote that began before the read ended, and after which no other save, no removal and no death
/// of the server certainly came before the read began.
///
/// Each save gets a number, which is its value. A call whose failure leaves open whether it was
/// done counts from its begin until nothing of it can be left in the server's sockets.
///
/// A save that changes what was read is done only if that is still there. So no save and no removal
/// that began after that read may be over when it is done, and each value is changed once at most:
/// otherwise an update was lost.
///
/// Thread safety: may be called concurrently, by any process.
class History {
 public:
    enum class What : std::uint8_t { save, remove, nothing };
    /// What became of a step.
    enum class Done : std::uint8_t { yes, no, unknown };

    /// To be called before the call is made; the number of the step.
    std::uint64_t begin(What what, std::chrono::seconds lifetime = {});
    /// What was read as `read` is about to be saved as `number`, if it is still there. May be
    /// called again, where another attempt is made.
    void change(std::uint64_t number, std::uint64_t read);
    /// After the call.
    void end(std::uint64_t number, Done done);
    /// Before a touch, and after it.
    void touch(std::chrono::seconds lifetime);

    Verdict judge(std::uint64_t number, Interval read, const Outages& outages) const;
    /// That `number` was made by a change of `read`; 0 for one that was not.
    Verdict judge_change(std::uint64_t number, std::uint64_t read);
    /// That nothing was found: there must be a reason for it.
    Verdict judge_absent(Interval read, const Outages& outages) const;

 private:
    struct Step {
        std::uint64_t number;
        What what;
        bool is_certain;
        bool may_expire;
        Time begin;
        Time end;                          ///< of the call
        Time lasts_until;                  ///< at most
        bool is_change = false;            ///< of what was there at its begin
        std::uint64_t was_changed_by = 0;  ///< the first change of it
    };

    /// Nothing of it can happen any more.
    static Time settled(const Step& step, const Outages& outages);
    const Step* find(std::uint64_t number) const;
    Step* find(std::uint64_t number);
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

}  // namespace cachemodel::soak
