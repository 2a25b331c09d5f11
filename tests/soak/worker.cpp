// cachemodel: the soak: a thread that does everything at once, and checks what comes back.
// SPDX-License-Identifier: MIT
#include "soak/worker.hpp"

#include <chrono>
#include <thread>

namespace cachemodel::soak {

void Worker::work() {
    while (!hand_.world().is_ending) {
        changes_.repeat();
        do_something();
        if (hand_.dice(20) == 0) std::this_thread::sleep_for(1ms);
    }
}

void Worker::do_something() {
    const auto what = hand_.dice(100);
    if (what < 35) return notes_.do_something();
    if (what < 47) return loaded_.use_accounts();
    if (what < 54) return loaded_.use_orders();
    if (what < 59) return loaded_.use_parcels();
    if (what < 66) return loaded_.use_members();
    if (what < 73) return loaded_.use_products();
    if (what < 80) return loaded_.use_prices();
    if (what < 85) return loaded_.use_rates();
    if (what < 94) return calls_.use_quotes();
    calls_.use_offers();
}

}  // namespace cachemodel::soak
