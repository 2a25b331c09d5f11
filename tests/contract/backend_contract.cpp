// cachemodel: what every backend that keeps entries must do, as one specification.
// SPDX-License-Identifier: MIT
#include "contract/backend_contract.hpp"

#include "contract/sections.hpp"
#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <vector>

namespace cachemodel::contract {

using namespace support;
using namespace std::chrono_literals;

std::string new_key(std::string_view name) {
    static std::atomic<int> count{0};
    return "contract:" + std::to_string(::getpid()) + ":" + std::to_string(++count) + ":" +
           std::string{name};
}

std::vector<Outcome> store_many(Backend& backend, Store how, const std::vector<Entry>& entries) {
    std::vector<Outcome> outcomes(entries.size(),
                                  Outcome{Failure{BackendFault::protocol, "unanswered"}});
    backend.store_many(how, entries, outcomes);
    return outcomes;
}

bool all_done(const std::vector<Outcome>& outcomes) {
    return std::ranges::all_of(outcomes, &Outcome::done);
}

void backend_contract(Backend& backend, const ContractOptions& options) {
    values(backend, options);
    sizes(backend);
    keys(backend);
    batches(backend);
    conditional_writes(backend);
    lifetimes(backend, options);
    counters(backend, options);
    listings(backend);
    capabilities(backend);
    SECTION("a backend that was closed goes on with the next call") {
        const auto key = new_key("close");
        CHECK(set(backend, key, "one").done());
        backend.close();
        CHECK(get(backend, key).found("one"));
        backend.close();
        backend.close();
        CHECK(set(backend, key, "two").done());
        CHECK(get(backend, key).found("two"));
    }
}

void backend_contract_of_clear(Backend& backend) {
    SECTION("clear removes everything, and the store goes on") {
        const auto key = new_key("clear");
        const auto other = new_key("clear");
        CHECK(set(backend, key, "one", 1h).done());
        CHECK(set(backend, other, "two", never).done());
        backend.clear();
        CHECK(get(backend, key).absent());
        CHECK(get(backend, other).absent());
        CHECK(remove(backend, key).declined());
        CHECK(add(backend, key, "three").done());
        CHECK(get(backend, key).found("three"));
        if (backend.capabilities().lists_keys) {
            CHECK(list_keys(backend, "") == std::vector<std::string>{key});
        }
        backend.clear();
        backend.clear();
        CHECK(get(backend, key).absent());
    }
}

}  // namespace cachemodel::contract
