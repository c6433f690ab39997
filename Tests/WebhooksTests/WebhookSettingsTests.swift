import Feeds
import Testing

@testable import Webhooks

struct HostAddressTests {
    @Test(arguments: [
        "1.1.1.1", "9.255.255.255", "100.63.0.1", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1",
        "223.255.255.255",
        "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
    ])
    func addressesOfTheInternetArePublic(_ text: String) throws {
        #expect(try #require(HostAddress(text)).isPublic)
    }

    @Test(arguments: [
        "0.0.0.0", "10.1.2.3", "127.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.168.0.1",
        "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "::",
        "::1",
        "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1",
        "2002:a00:1::1", "2001:db8::1", "2001::1", "::127.0.0.1",
    ])
    func addressesOfSpecialNetworksAreNot(_ text: String) throws {
        #expect(try !#require(HostAddress(text)).isPublic)
    }

    @Test func namesAreNoAddresses() {
        #expect(HostAddress("localhost") == nil && HostAddress("127.1") == nil && HostAddress("") == nil)
        #expect(HostNames.addresses(of: "127.0.0.1") == ["127.0.0.1"] && HostNames.addresses(of: "::1") == ["::1"])
    }
}

struct WebhookSettingsTests {
    private func settings(
        _ url: String, headers: [String: String] = [:], allowsHTTP: Bool = false, allowsPrivate: Bool = false
    ) throws(FeedFailure) -> WebhookSettings {
        try WebhookSettings(
            url: url, secretFile: "/secret", timeoutNanoseconds: 1, headers: headers, allowsHTTP: allowsHTTP,
            allowsPrivateAddresses: allowsPrivate)
    }

    private func problem(_ url: String, headers: [String: String] = [:]) -> String {
        do throws(FeedFailure) {
            _ = try settings(url, headers: headers)
            return ""
        } catch {
            return error.description
        }
    }

    @Test func plainHTTPIsForThisHostOnlyUnlessItIsAllowed() throws {
        #expect(problem("http://shop.example/hook").hasPrefix("url: must be https://"))
        #expect(problem("http://127.0.0.1.example/hook").hasPrefix("url: must be https://"))
        #expect(problem("https://shop.example/hook") == "" && problem("http://127.0.0.1:80/hook") == "")
        #expect(problem("http://localhost/") == "" && problem("http://[::1]:8080/") == "")
        _ = try settings("http://shop.example/hook", allowsHTTP: true)
    }

    @Test func onlyWhoNamesThisHostMeansIt() throws {
        #expect(try settings("http://127.0.0.1/").allowsPrivateAddresses)
        #expect(try !settings("https://shop.example/").allowsPrivateAddresses)
        #expect(try !settings("https://10.0.0.1/").allowsPrivateAddresses)
        #expect(try settings("https://10.0.0.1/", allowsPrivate: true).allowsPrivateAddresses)
    }

    @Test func badURLsAndHeadersAreNamed() {
        for url in [
            "", "shop.example", "ftp://shop.example/", "https://", "https://me:pw@shop.example/", "https://a/#b",
        ] {
            #expect(problem(url).hasPrefix("url: "), "\(url)")
        }
        #expect(problem("https://a/", headers: ["X Y": "1"]).hasPrefix("headers: X Y: "))
        #expect(problem("https://a/", headers: ["X": "a\nb"]).hasPrefix("headers: X: "))
        #expect(problem("https://a/", headers: ["Webhook-Id": "1"]) == "headers: Webhook-Id: the server sets it itself")
    }

    @Test func authorityGoesWithHTTPSOnly() throws {
        func settings(_ url: String) throws(FeedFailure) -> WebhookSettings {
            try WebhookSettings(
                url: url, secretFile: "/secret", caFile: "/ca.pem", timeoutNanoseconds: 1, headers: [:],
                allowsHTTP: true, allowsPrivateAddresses: false)
        }
        #expect(try settings("https://shop.example/").caFile == "/ca.pem")
        let failure = #expect(throws: FeedFailure.self) { try settings("http://shop.example/") }
        #expect(failure?.description.hasPrefix("ca_file: is for https:// only") == true)
    }

    @Test func whatMayBeASecretIsNotShown() throws {
        #expect(try settings("https://shop.example/hook?key=secret").shownURL == "https://shop.example/hook")
    }
}
