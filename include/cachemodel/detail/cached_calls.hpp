// cachemodel: how cached calls are answered; the untyped half of CachedCall.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/detail/cbor.hpp>
#include <cachemodel/detail/codec.hpp>
#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/detail/load_terms.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/lifetime.hpp>
#include <cachemodel/lookup.hpp>
#include <cachemodel/model.hpp>
#include <cachemodel/statistics.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

namespace cachemodel::detail {

/// What the names of a function, of its class and of its chosen members come from.
struct CallTraits {
    const std::type_info& tag;                       ///< of a Tag of the function
    const std::type_info& parameters;                ///< of a function type with its parameters
    const std::type_info* owner;                     ///< its class, or null
    std::span<const std::type_info* const> members;  ///< of Tags of the chosen members
};

/// `CallOptions` without the result's type, and what else is set at construction.
struct CallSettings {
    const CallTraits& (*traits)();
    Lifetime expires;
    LoadTerms terms;
    std::string name;
    std::string cache_name;
    std::uint32_t version;
    bool secret_keys;
    std::optional<Cache> cache;
};

/// How the key of a call begins.
struct CallNames {
    std::string name;                  ///< as in messages
    std::string head;                  ///< as in keys, with the version and the dynamic type
    std::vector<std::string> members;  ///< each as in keys, with what stands between them
    /// Of the function and of the dynamic type, where these are known in one source file only;
    /// another file may have others of the same names.
    std::array<const char*, 2> own_addresses = {};
};

/// A cached function: its settings, its names, what it has counted. Shared by copies.
class CallSite;
/// Errors: `ConfigError` naming an option that makes no sense, and the function.
std::shared_ptr<CallSite> make_call_site(CallSettings settings);

/// The names for objects of the type `dynamic`, or of no type in particular. Made at first use.
///
/// Errors: `ConfigError` where something has no name that is the same in every build.
const CallNames& names_of(CallSite& site, const std::type_info* dynamic,
                          const std::type_info* call = nullptr);
/// Errors: `ConfigError`.
Cache cache_of(const CallSite& site);
Statistics statistics_of(const CallSite& site) noexcept;
/// `text` as the key of a call.
///
/// Errors: `ConfigError` where the names belong to something else in this cache.
EntryKey finish_key(const CallSite& site, const CallNames& names, std::string text);

/// Errors: `InvalidForm`.
[[noreturn]] void throw_invalid_form(const std::type_info& form);

/// The key of a call in the making.
class CallKey {
 public:
    /// `call` is the type of the cached call: with a function or class that only one file knows, it
    /// is that file's own. Of what is made from such a class, compilers make some parts common.
    CallKey(CallSite& site, const std::type_info* dynamic, const std::type_info& call)
        : site_(site), names_(names_of(site, dynamic, &call)) {
        text_.reserve(190);
        text_ = names_.head;
    }

    /// The next chosen member.
    ///
    /// Errors: `IncompleteKey` for a Key that was not set, `InvalidKey` for NaN.
    template <class T>
    void member(const T& value) {
        text_ += names_.members[part_];
        append(value);
    }
    /// Errors: `InvalidKey` for NaN.
    template <class T>
    void cleaned_data(const T& value) {
        append_key(text_, value);
        ++part_;
    }
    /// Errors: as for a member.
    template <class... P>
    void arguments(const P&... values) {
        in_arguments_ = true;
        part_ = 0;
        text_ += '(';
        ((text_ += part_ == 0 ? "" : ",", append(values)), ...);
        text_ += ')';
    }
    EntryKey finish() && { return finish_key(site_, names_, std::move(text_)); }

    /// Throws `error` anew, with the name of the part that it is about.
    [[noreturn]] void rethrow_with_part(const InvalidKey& error) const;

 private:
    template <class T>
    void append(const T& value) {
        if constexpr (std::same_as<T, Key<unwrapped<T>>>) {
            if (!value.is_set()) throw IncompleteKey(names_.name, {part_name()});
        }
        append_key<unwrapped<T>>(text_, unwrap(value));
        ++part_;
    }
    std::string part_name() const;

    CallSite& site_;
    const CallNames& names_;
    std::string text_;
    std::size_t part_ = 0;
    bool in_arguments_ = false;
};

/// What can be done with a result without knowing its type; one constant for each type.
struct ResultTable {
    const std::type_info* type;
    std::shared_ptr<void> (*make)();
    void (*encode)(CborWriter& writer, const void* result);
    bool (*decode)(CborReader& reader, void* result);
};

template <class R>
inline constexpr ResultTable result_table{
    &typeid(R),
    []() -> std::shared_ptr<void> { return std::make_shared<R>(); },
    [](CborWriter& writer, const void* result) {
        encode<R>(writer, *static_cast<const R*>(result));
    },
    [](CborReader& reader, void* result) { return decode<R>(reader, *static_cast<R*>(result)); },
};

/// A call with its arguments.
class AnyCall {
 public:
    /// Runs the function. Errors: what it throws.
    virtual std::shared_ptr<const void> run() = 0;
    /// Errors: what the user's predicate throws.
    virtual bool keeps_out(const void* result) const = 0;
    /// The same call with copies of object and arguments; null where these cannot be copied whole.
    /// Errors: what copying throws.
    virtual std::unique_ptr<AnyCall> copy() const = 0;

    virtual ~AnyCall() = default;
};

/// Where a call goes to.
struct CallDoor {
    CallSite& site;
    const ResultTable& table;
    Cache cache = cache_of(site);
};

/// The result: read into `hit`, and then null is returned, or given by the function.
///
/// Errors: what the function throws; `RecursiveLoad`.
std::shared_ptr<const void> answer_call(const CallDoor& door, const EntryKey& key, AnyCall& call,
                                        void* hit);
/// Has the function run, and its result stored over what was there. Errors: what the function
/// throws; `RecursiveLoad`.
std::shared_ptr<const void> refresh_call(const CallDoor& door, const EntryKey& key, AnyCall& call);
/// Reads the result into `hit`; null where there is one.
std::shared_ptr<const Nothing> peek_call(const CallDoor& door, const EntryKey& key, void* hit,
                                         Origin& origin);
/// Errors: none but of a key that the cache does not take.
Explanation explain_call(const CallDoor& door, const EntryKey& key);
/// Errors: `BackendError`.
void invalidate_call(const CallDoor& door, const EntryKey& key);

/// One of many calls: it gets a result or a reason why it has none.
struct PrefetchedCall {
    AnyCall& call;
    EntryKey key = {};
    std::shared_ptr<const void> result = {};
    Origin origin = {};
    std::shared_ptr<const Nothing> nothing = {};
};
void prefetch_calls(const CallDoor& door, std::span<PrefetchedCall> calls);
/// An answer for a call that failed.
std::shared_ptr<const Nothing> failed_call(CallSite& site, const EntryKey& key, Failure failure);

}  // namespace cachemodel::detail
