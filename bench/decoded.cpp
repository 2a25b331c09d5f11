// cachemodel: what a decoded object costs that is there, beside decoding it and beside the network.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bare_socket.hpp"
#include "comparison.hpp"
#include "support/memcached_server.hpp"

namespace {

using namespace cachemodel;

struct Office {
    Key<std::string> address;
    Field<std::string> owner;
    Field<std::string> purpose;
    Field<std::string> remark;
    Field<std::int64_t> square_millimetres;
    Field<double> latitude;
    Field<std::vector<std::string>> rooms;

    bool operator==(const Office&) const = default;
};

Office office_at(const std::string& address) {
    return {
        .address = address,
        .owner = "The Honourable Company of Clerks",
        .purpose = "storage of maps, 1780 to 1890",
        .remark = "The stairs are steep; bring a lamp and a second pair of eyes",
        .square_millimetres = 84'250'000,
        .latitude = 51.51279,
        .rooms = {"reading room", "archive", "workshop for bindings", "office of the curator"},
    };
}

void measure(const bench::Settings& settings, std::size_t count) {
    const Cache memory = Cache::open("memory://");
    const Cache decoded = Cache::open("memory://?decoded=256MiB&decoded_expires=1h");
    const Models<Office> offices{memory};
    const Models<Office> shared{decoded};
    const support::RealMemcached server;
    bench::BareSocket bare{server.address()};
    const Cache far = Cache::open(server.url() + "?deadline=10s");
    std::vector<std::string> addresses;
    std::vector<std::string> commands;
    for (std::size_t i = 0; i < count; ++i) {
        // In no order that the processor could foresee.
        const std::string address = "office " + std::to_string(i * 7919 % count);
        offices.save(office_at(address));
        shared.save(office_at(address));
        const std::string key = offices.key_for(address);
        far.set_raw(key, *memory.get_raw(key));
        addresses.push_back(address);
        commands.push_back("get " + far.final_key(key) + "\r\n");
    }
    // When all is written: what is written makes others be read again now and then.
    for (const auto& address : addresses) (void)shared.get_shared(address);
    std::size_t at = 0;
    const auto next = [&at, count] { return at = at + 1 == count ? 0 : at + 1; };

    bench::Comparison hits{"hit of a struct of six members, one of " + std::to_string(count)};
    hits.add(
        "bare get from memcached, unix socket",
        [](std::string_view answer) { return answer.size() > 200; },
        [&] {
            bare.send(commands[next()]);
            return bare.receive_until("END\r\n");
        });
    hits.add(
        "Models::get from memory://",
        [](const Office& office) { return office == office_at(*office.address); },
        [&] { return offices.get(addresses[next()]); });
    hits.add(
            "Models::get_shared, decoded",
            [](const std::shared_ptr<const Office>& office) {
                return *office == office_at(*office->address);
            },
            [&] { return shared.get_shared(addresses[next()]); })
        .at_most(std::chrono::nanoseconds{150})
        .at_least(100, "bare get from memcached, unix socket");
    hits.run(settings);
    if (decoded.statistics().hits != count) throw std::runtime_error("hits were misses");
}

}  // namespace

int main(int count, char** arguments) {
    try {
        const auto settings = bench::Settings::from_arguments(count, arguments);
        bench::print_circumstances(settings);
        measure(settings, 1);
        measure(settings, 1000);
        measure(settings, 50'000);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
