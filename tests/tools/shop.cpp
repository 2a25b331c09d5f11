// cachemodel: a small cache in files, with an entry of each kind.
// SPDX-License-Identifier: MIT
#include "tools/shop.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace cachemodel::support {

namespace {

using namespace std::chrono_literals;
using detail::WallTime;

// 2026-03-01T03:30:00.250Z.
constexpr WallTime half_past_three{1'772'335'800'250ms};

Cache opened(const std::string& url, testing::TurnableClock& clock) {
    clock.adjust_wall(half_past_three - clock.wall());
    return Cache::open(url, clock);
}

}  // namespace

Shop::Shop()
    : url_("file://" + (directory_.path() / "shop").string() + "?key_prefix=shop"),
      cache_(opened(url_, clock_)) {
    const Cache cache = cache_.with_timeout(never);
    cache.set("greeting", "Hello, world");
    cache.set("visits", 41);
    cache.set("basket", std::vector<std::string>{"tea", "bread"});
    const Models<Country> countries{cache};
    countries.save({.code = "AT", .name = "Austria", .neighbours = {"Italy", "Hungary"}}, never);

    cache.set("broken", "Hello, world");
    std::string broken = bytes("broken");
    broken[broken.size() - 10] = 'X';
    cache.set_raw("broken", broken);
    cache.set_raw("foreign", "<html>");

    std::string expired;
    detail::begin_entry(expired, {"shop:1:expired", half_past_three, half_past_three + 1500ms});
    expired += "\x63old";
    detail::end_entry(expired);
    cache.set_raw("expired", expired);
}

void Shop::put(std::string_view key, detail::Envelope envelope, std::string_view body) const {
    envelope.key = key;
    envelope.written_at = half_past_three;
    std::string bytes;
    detail::begin_entry(bytes, envelope);
    bytes += body;
    detail::end_entry(bytes);
    cache_.set_raw(std::string{key}, bytes, never);
}

void Shop::put_parcels() const {
    put("Parcel@1/number=1", {.epoch = 0x2b3f'91d0'55c7'8e61}, "");
    put("Parcel@1/number=2", {.is_known_missing = true}, "");
    put("Parcel@1/number=3", {.fresh_until = half_past_three + 1h, .load_cost = 80ms},
        "\xa1\x66street\x6d"
        "3 High Street");
}

std::string Shop::as_documented(std::string text) const {
    const std::string path = (directory_.path() / "shop").string();
    for (auto at = text.find(path); at != std::string::npos; at = text.find(path)) {
        text.replace(at, path.size(), "/var/cache/shop");
    }
    return text;
}

std::string Shop::bytes(std::string_view key) const { return cache_.get_raw(key).value_or(""); }

}  // namespace cachemodel::support
