// cachemodel: what tests of leases stand on: processes that share a store, and a source for each.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/executor.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/crew.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cachemodel::support {

/// What a loader asks.
struct LeasedSource {
    std::function<int()> answer = [] { return 1; };
    std::atomic<int> asked{0};

    int ask() {
        ++asked;
        return answer();
    }
};

/// One store, and as many caches of it as there are to be processes.
struct LeaseRig {
    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> store =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<testing::RecordingBackend> backend =
        std::make_shared<testing::RecordingBackend>(store);
    LeasedSource source;
    LeasedSource other_source;  ///< as another process reads it
    std::uint64_t processes = 0;

    Cache process(std::shared_ptr<Executor> executor = nullptr) {
        return Cache{backend,
                     {.executor = std::move(executor), .seed = ++processes, .clock = clock}};
    }
    std::vector<testing::Verb> verbs() const {
        std::vector<testing::Verb> all;
        for (const auto& call : backend->log().calls()) all.push_back(call.verb);
        return all;
    }
    std::string stored() { return store->stored(store->keys().front()).value(); }
};

/// Somebody in a process of his own who has begun to load, and does not come to an end before he is
/// let go.
template <class M>
class LeaseHolder {
 public:
    explicit LeaseHolder(LeaseRig& rig) : cache_(rig.process()), door_(cache_, rig.source) {
        rig.source.answer = [this] {
            loading_.pass();
            if (fails_) throw std::runtime_error("no prices");
            return 7;
        };
        crew_.start([this] { price_ = *door_.get("tea").cents; });
        loading_.await_arrivals(1);
    }
    ~LeaseHolder() { (void)let_go(); }
    LeaseHolder(const LeaseHolder&) = delete;
    LeaseHolder& operator=(const LeaseHolder&) = delete;

    /// Whether its loader came to a price.
    bool let_go(bool fails = false) {
        fails_ = fails;
        loading_.open();
        return crew_.join() == 0;
    }
    int price() const { return price_; }
    const Cache& cache() const { return cache_; }

 private:
    Cache cache_;
    Models<M, LeasedSource&> door_;
    Barrier loading_;
    std::atomic<bool> fails_{false};
    std::atomic<int> price_{0};
    Crew crew_;
};

}  // namespace cachemodel::support
