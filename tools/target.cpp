// cachemodel: the command line tool: the cache that a command is about.
// SPDX-License-Identifier: MIT
#include "target.hpp"

#include <cachemodel/cache_url.hpp>

#include <exception>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "cache_core.hpp"
#include "document.hpp"

namespace cachemodel::tool {

namespace {

std::string url_of(Session& session) {
    const Arguments& arguments = session.arguments;
    if (!arguments.url.empty() && !arguments.document.empty()) {
        throw Problem{Exit::configuration,
                      "CACHEMODEL_URL and CACHEMODEL_CACHES are both set; --cache or --caches says "
                      "which cache is meant"};
    }
    if (!arguments.document.empty()) return url_in_document(session);
    if (arguments.url.find("://") == std::string::npos && !arguments.url.empty()) {
        throw Problem{Exit::configuration,
                      "the URL of a cache begins with its scheme, such as redis://; a document of "
                      "named caches is given with --caches"};
    }
    if (!arguments.url.empty()) return arguments.url;
    throw Problem{Exit::configuration,
                  "which cache? give --cache URL, or set CACHEMODEL_URL, to a URL such as "
                  "memcached://127.0.0.1:11211; or give --caches FILE with named caches"};
}

/// Opens a cache of which others have something, and makes no store that is not there: a path with
/// a wrong letter must not look like an empty cache.
Cache open_existing(const std::string& url, const std::string& command) {
    // As it was written, so that what is wrong with it is told in its own words.
    Cache cache = Cache::open(url);
    auto parts = CacheUrl::parse(url);
    const bool is_sqlite = parts.scheme() == "sqlite";
    if (parts.scheme() == "memory" || (is_sqlite && parts.path() == "/:memory:")) {
        throw Problem{
            Exit::configuration,
            "a cache in memory is inside of one process, and nobody sees that of another; "
            "this program would only ever see its own, which is empty"};
    }
    std::error_code error;
    const bool reads = command != "set" && command != "create-table";
    if (parts.scheme() == "file" && reads && !std::filesystem::exists(parts.path(), error) &&
        !error) {
        throw Problem{Exit::failed,
                      "there is no directory " + parts.path() +
                          ": nothing has been stored there yet, or the path is wrong"};
    }
    constexpr std::string_view not_given = "\n";  // no URL has it
    if (!is_sqlite || parts.take_text("auto_create", not_given) != not_given) return cache;
    const char separator = url.find('?') == std::string::npos ? '?' : '&';
    return Cache::open(url + separator + "auto_create=false");
}

/// The backend of a cache, which owns it: the target has both.
std::shared_ptr<Backend> borrowed(const Cache& cache) {
    return {std::shared_ptr<void>{}, &cache.backend()};
}

/// The same cache, whatever was configured of errors: nothing here may look done that was not.
Cache with_errors(const Cache& cache) {
    const auto& view = cache.view();
    return Cache{borrowed(cache),
                 {.key_prefix = view.prefix,
                  .version = view.version,
                  .timeout = view.timeout,
                  .key_function = view.key_function,
                  .key_policy = view.key_policy,
                  .key_warnings = view.key_warnings,
                  .mismatch_is_miss = view.mismatch_is_miss,
                  .clear_allowed = view.clear_allowed}};
}

/// The same backend with final keys for keys.
Cache with_final_keys(const Cache& cache) {
    const auto unchanged = [](std::string_view, std::uint32_t, std::string_view key) {
        return std::string{key};
    };
    return Cache{borrowed(cache),
                 {.timeout = cache.timeout(),
                  .key_function = unchanged,
                  .key_warnings = KeyWarnings::ignore}};
}

class Answers final : public ReadSink {
 public:
    explicit Answers(std::size_t count) : answers_(count) {}

    void found(std::size_t index, std::string_view value, std::uint64_t) noexcept override {
        try {
            answers_[index].bytes = value;
            answers_[index].is_there = true;
        } catch (...) {
            answers_[index].failure = Failure{std::current_exception()};
        }
    }
    void absent(std::size_t) noexcept override {}
    void failed(std::size_t index, const Failure& failure) noexcept override {
        answers_[index].failure = failure;
    }
    std::vector<Answer> take() { return std::move(answers_); }

 private:
    std::vector<Answer> answers_;
};

}  // namespace

std::string NamedKey::nothing_there() const {
    const std::string final_line = visible(final_key, Shown::line);
    return shown + ": nothing is stored" +
           (final_line == shown ? "" : ", the final key is " + final_line) +
           (advice.empty() ? "" : "; " + advice);
}

Target::Target(Session& session)
    : arguments_(session.arguments),
      url_(url_of(session)),
      shown_url_(visible(CacheUrl::parse(url_).redacted(), Shown::message)),
      opened_(open_existing(url_, arguments_.command)),
      cache_(with_errors(opened_)),
      finals_(with_final_keys(cache_)) {
    if (!arguments_.document.empty()) return;  // which has its own words for them
    for (const auto& warning : opened_.warnings()) session.warn(warning);
}

std::string Target::plain(const std::string& word) const {
    if (!arguments_.escaped) return word;
    auto text = unescaped(word);
    if (!text) {
        throw Problem{Exit::usage,
                      "with --escaped a backslash is followed by another one, or by x and two "
                      "hexadecimal digits"};
    }
    return std::move(*text);
}

NamedKey Target::key(const std::string& word) const {
    std::string given = plain(word);
    std::string shown = visible(given, Shown::line);
    std::string advice;
    if (const auto other = unescaped(word); !arguments_.escaped && other.value_or(word) != word) {
        advice = "a key as keys writes it is taken with --escaped";
    }
    if (arguments_.final_keys) {
        return {std::move(shown), std::move(given), {}, std::move(advice)};
    }
    std::string final_key = cache_.final_key(given);
    if (given.starts_with(plain_keys(cache_.prefix(), cache_.version(), {}))) {
        advice = "a key with its prefix and version is taken with --final";
    } else if (given.starts_with("sha256-") && !final_key.ends_with(given)) {
        advice = "a key that was digested is taken with --final";
    }
    return {std::move(shown), std::move(final_key), std::move(given), std::move(advice)};
}

std::vector<NamedKey> Target::keys(std::span<const std::string> words) const {
    std::vector<NamedKey> keys;
    keys.reserve(words.size());
    for (const auto& word : words) keys.push_back(key(word));
    return keys;
}

std::vector<Answer> Target::read(std::span<const NamedKey> keys) const {
    std::vector<std::string_view> views;
    views.reserve(keys.size());
    for (const auto& key : keys) views.emplace_back(key.final_key);
    auto& core = finals_.core();
    const detail::FinalKeys checked{core, finals_.view(), Operation::peek, views};
    Answers answers{keys.size()};
    core.get_many(finals_.view(), checked.views(), answers, true);
    return answers.take();
}

Answer Target::read(const NamedKey& key) const { return read(std::span{&key, 1}).front(); }

}  // namespace cachemodel::tool
