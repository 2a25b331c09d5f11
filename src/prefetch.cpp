// cachemodel: many cached calls, answered with one read and one write.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/cached_calls.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "call_steps.hpp"

namespace cachemodel::detail {

namespace {

/// Answers many calls with one read and one write.
class Prefetch {
 public:
    explicit Prefetch(const CallDoor& door)
        : door_(door), steps_(door), flights_(door.cache.core().call_flights) {}

    /// Of equal calls only the first is made.
    void add(PrefetchedCall& call) {
        const auto [first, is_new] = by_key_.emplace(call.key.in_envelope(), &call);
        if (!is_new) {
            equal_.emplace_back(first->second, &call);
            return;
        }
        auto result = door_.table.make();
        const auto runway = Flights::runway(call.key.in_envelope());
        keys_.push_back(call.key.stored);
        wanted_.push_back({call.key, result.get()});
        asked_.push_back({&call, std::move(result), runway, flights_.landings(runway)});
    }

    void answer() {
        if (keys_.empty()) return;
        steps_.read(keys_, wanted_);
        for (std::size_t i = 0; i < asked_.size(); ++i) {
            if (wanted_[i].found.found) {
                asked_[i].call->result = std::move(asked_[i].result);
            } else {
                guard(*asked_[i].call, [&] { answer_miss(asked_[i], wanted_[i].found); });
                if (!led_.empty() && steps_.now() - led_.front().computed_at >= longest_hold) {
                    store_all();
                }
            }
        }
        store_all();
        // Only now: while this thread leads, another one may wait for it.
        for (const auto& [call, flight] : others_) {
            guard(*call,
                  [&, to = call, on = flight] { to->result = steps_.join(to->key, to->call, on); });
        }
        for (const auto& [first, equal] : equal_) {
            equal->result = first->result;
            equal->nothing = first->nothing;
        }
    }

 private:
    struct Asked {
        PrefetchedCall* call;
        std::shared_ptr<void> result;
        Flights::Runway runway;
        std::uint64_t landings;
    };
    /// A flight with a result that is to be stored.
    struct Led {
        const PrefetchedCall* call;
        Flights::Runway runway;
        Flights::Lead lead;
        std::optional<PreparedEntry> entry;  ///< none where it is too old by now
        SteadyTime computed_at;
    };
    /// How many flights of one runway are this prefetch's own, and how many of them still hold a
    /// result: the others have landed.
    struct Own {
        std::uint64_t begun = 0;
        std::uint64_t held = 0;
    };
    /// What was computed is held back no longer than this, or than one run of the function.
    static constexpr std::chrono::milliseconds longest_hold{250};
    /// What is stored this much later than it was computed has less of its lifetime left.
    static constexpr std::chrono::milliseconds longest_delay{10};

    /// What `answer` throws is the call's own failure.
    template <class Answer>
    void guard(PrefetchedCall& call, Answer answer) const {
        try {
            answer();
        } catch (...) {
            call.nothing = failed_call(door_.site, call.key, Failure{std::current_exception()});
        }
    }

    void answer_miss(const Asked& asked, const Found& first) {
        PrefetchedCall& call = *asked.call;
        if (door_.cache.is_bypass()) {
            call.result = steps_.run(call.call);
            return;
        }
        auto boarding = steps_.board(call.key);
        if (!boarding.leads) {
            others_.emplace_back(&call, std::move(boarding.flight));
            return;
        }
        Flights::Lead leading{flights_, std::move(boarding.flight), asked.runway};
        // Where somebody else has landed since, the result may be there by now.
        Own& own = own_[asked.runway];
        const bool look = first.absent() &&
                          flights_.landings(asked.runway) != asked.landings + own.begun - own.held;
        own.begun += 1;
        if (look) {
            call.result = steps_.look_again(call.key, leading);
            if (call.result) return;
        }
        Computed computed = steps_.lead(call.key, call.call, leading);
        call.result = computed.result;
        if (computed.entry && first.absent()) {
            led_.push_back(
                {&call, asked.runway, std::move(leading), std::move(computed.entry), steps_.now()});
            own.held += 1;
        }
    }

    void store_all() {
        for (auto& led : led_) {
            own_[led.runway].held -= 1;
            if (steps_.now() - led.computed_at < longest_delay) continue;
            led.entry =
                steps_.prepare_later(led.call->key, led.call->result.get(), led.computed_at);
        }
        std::vector<Entry> entries;
        std::vector<Outcome> outcomes;
        entries.reserve(led_.size());
        outcomes.reserve(led_.size());
        // From here on an invalidation waits: none of the user's code runs.
        for (auto& led : led_) {
            if (!led.entry || !led.lead.begin_storing()) continue;
            entries.push_back({led.call->key.stored, led.entry->bytes, led.entry->lifetime});
            outcomes.emplace_back();
        }
        if (!entries.empty()) steps_.store(entries, outcomes);
        led_.clear();
    }

    const CallDoor& door_;
    const CallSteps steps_;
    Flights& flights_;
    std::unordered_map<std::string_view, PrefetchedCall*> by_key_;
    std::vector<std::pair<PrefetchedCall*, PrefetchedCall*>> equal_;
    std::vector<std::string_view> keys_;
    std::vector<Wanted> wanted_;
    std::vector<Asked> asked_;
    std::vector<Led> led_;
    std::array<Own, Flights::runways> own_{};
    std::vector<std::pair<PrefetchedCall*, std::shared_ptr<Flight>>> others_;
};

}  // namespace

void prefetch_calls(const CallDoor& door, std::span<PrefetchedCall> calls) {
    Prefetch prefetch{door};
    for (auto& call : calls) {
        if (!call.nothing) prefetch.add(call);
    }
    prefetch.answer();
}

}  // namespace cachemodel::detail
