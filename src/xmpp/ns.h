/* SPDX-License-Identifier: MIT */
/* The namespaces we speak, and the XEP each comes from.  NS_XML is in xml/element.h. */
#pragma once

/* RFC 6120 and 6121 */
#define NS_CLIENT           "jabber:client"
#define NS_SERVER           "jabber:server"
#define NS_STREAMS          "http://etherx.jabber.org/streams"
#define NS_STREAM_ERRORS    "urn:ietf:params:xml:ns:xmpp-streams"
#define NS_STANZA_ERRORS    "urn:ietf:params:xml:ns:xmpp-stanzas"
#define NS_TLS              "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL             "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_BIND             "urn:ietf:params:xml:ns:xmpp-bind"
#define NS_SESSION          "urn:ietf:params:xml:ns:xmpp-session"
#define NS_ROSTER           "jabber:iq:roster"
#define NS_ROSTER_VERSIONS  "urn:xmpp:features:rosterver"
#define NS_PRE_APPROVAL     "urn:xmpp:features:pre-approval"
#define NS_DIALBACK         "jabber:server:dialback"
#define NS_DIALBACK_FEATURE "urn:xmpp:features:dialback"
#define NS_FRAMING          "urn:ietf:params:xml:ns:xmpp-framing"

/* How streams are set up and kept */
#define NS_COMPONENT         "jabber:component:accept"             /* XEP-0114 */
#define NS_STREAM_MANAGEMENT "urn:xmpp:sm:3"                       /* XEP-0198 */
#define NS_CLIENT_STATE      "urn:xmpp:csi:0"                      /* XEP-0352 */
#define NS_BIDI              "urn:xmpp:bidi"                       /* XEP-0288 */
#define NS_BIDI_FEATURE      "urn:xmpp:features:bidi"              /* XEP-0288 */
#define NS_BIND2             "urn:xmpp:bind:0"                     /* XEP-0386 */
#define NS_SASL2             "urn:xmpp:sasl:2"                     /* XEP-0388 */
#define NS_CHANNEL_BINDING   "urn:xmpp:sasl-cb:0"                  /* XEP-0440 */
#define NS_SM                "urn:xmpp:sm:3"                       /* XEP-0198 */
#define NS_STREAM_LIMITS     "urn:xmpp:stream-limits:0"            /* XEP-0478 */
#define NS_FAST              "urn:xmpp:fast:0"                     /* XEP-0484 */
#define NS_HTTPBIND          "http://jabber.org/protocol/httpbind" /* XEP-0124 */
#define NS_XBOSH             "urn:xmpp:xbosh"                      /* XEP-0206 */

/* Asking what there is */
#define NS_DISCO_INFO  "http://jabber.org/protocol/disco#info"  /* XEP-0030 */
#define NS_DISCO_ITEMS "http://jabber.org/protocol/disco#items" /* XEP-0030 */
#define NS_DATA        "jabber:x:data"                          /* XEP-0004, 0128, 0157 */
#define NS_CAPS        "http://jabber.org/protocol/caps"        /* XEP-0115 */
#define NS_RSM         "http://jabber.org/protocol/rsm"         /* XEP-0059 */
#define NS_PING        "urn:xmpp:ping"                          /* XEP-0199 */
#define NS_VERSION     "jabber:iq:version"                      /* XEP-0092 */
#define NS_TIME        "urn:xmpp:time"                          /* XEP-0202 */
#define NS_LAST        "jabber:iq:last"                         /* XEP-0012 */
#define NS_COMMANDS    "http://jabber.org/protocol/commands"    /* XEP-0050 */
#define NS_ADMIN       "http://jabber.org/protocol/admin"       /* XEP-0133 */
#define NS_SERVER_INFO "http://jabber.org/network/serverinfo"   /* XEP-0157: a FORM_TYPE */
#define NS_EXTDISCO    "urn:xmpp:extdisco:2"                    /* XEP-0215 */

/* What is kept for an account */
#define NS_REGISTER         "jabber:iq:register"                     /* XEP-0077 */
#define NS_REGISTER_FEATURE "http://jabber.org/features/iq-register" /* XEP-0077 */
#define NS_PRIVATE          "jabber:iq:private"                      /* XEP-0049 */
#define NS_VCARD            "vcard-temp"                             /* XEP-0054 */
#define NS_VCARD_UPDATE     "vcard-temp:x:update"                    /* XEP-0153 */
#define NS_VCARD4           "urn:ietf:params:xml:ns:vcard-4.0"       /* XEP-0292 */
#define NS_BLOCKING         "urn:xmpp:blocking"                      /* XEP-0191 */
#define NS_BLOCKING_ERRORS  "urn:xmpp:blocking:errors"               /* XEP-0191 */
#define NS_REPORTING        "urn:xmpp:reporting:1"                   /* XEP-0377 */
#define NS_MAM              "urn:xmpp:mam:2"                         /* XEP-0313 */
#define NS_MAM_EXTENDED     "urn:xmpp:mam:2#extended"                /* XEP-0313 */
#define NS_PUSH             "urn:xmpp:push:0"                        /* XEP-0357 */
#define NS_BOOKMARKS        "urn:xmpp:bookmarks:1"                   /* XEP-0402 */
#define NS_OLD_BOOKMARKS    "storage:bookmarks"                      /* XEP-0048 */
#define NS_UPLOAD           "urn:xmpp:http:upload:0"                 /* XEP-0363 */

/* Taken along from server to server */
#define NS_PIE       "urn:xmpp:pie:0"                                  /* XEP-0227 */
#define NS_PIE_OLD   "http://www.xmpp.org/extensions/xep-0227.html#ns" /* and as it was first */
#define NS_PIE_SCRAM "urn:xmpp:pie:0#scram"                            /* XEP-0227 */
#define NS_PIE_MAM   "urn:xmpp:pie:0#mam"                              /* XEP-0227 */
#define NS_PRIVACY   "jabber:iq:privacy"                               /* XEP-0016 */
#define NS_XINCLUDE  "http://www.w3.org/2001/XInclude"
#define NS_EXPORT    "urn:stentor:export:0" /* what XEP-0227 has no place for */

/* What is written on messages */
#define NS_DELAY         "urn:xmpp:delay"                        /* XEP-0203 */
#define NS_HINTS         "urn:xmpp:hints"                        /* XEP-0334 */
#define NS_STANZA_ID     "urn:xmpp:sid:0"                        /* XEP-0359 */
#define NS_CARBONS       "urn:xmpp:carbons:2"                    /* XEP-0280 */
#define NS_CARBONS_RULES "urn:xmpp:carbons:rules:0"              /* XEP-0280 */
#define NS_FORWARD       "urn:xmpp:forward:0"                    /* XEP-0297 */
#define NS_ADDRESS       "http://jabber.org/protocol/address"    /* XEP-0033 */
#define NS_RECEIPTS      "urn:xmpp:receipts"                     /* XEP-0184 */
#define NS_MARKERS       "urn:xmpp:chat-markers:0"               /* XEP-0333 */
#define NS_CHAT_STATES   "http://jabber.org/protocol/chatstates" /* XEP-0085 */
#define NS_ENCRYPTION    "urn:xmpp:eme:0"                        /* XEP-0380 */
#define NS_RETRACT       "urn:xmpp:message-retract:1"            /* XEP-0424 */
#define NS_MODERATE      "urn:xmpp:message-moderate:1"           /* XEP-0425 */
#define NS_CORRECT       "urn:xmpp:message-correct:0"            /* XEP-0308 */
#define NS_FALLBACK      "urn:xmpp:fallback:0"                   /* XEP-0428 */
#define NS_REACTIONS     "urn:xmpp:reactions:0"                  /* XEP-0444 */
#define NS_IDLE          "urn:xmpp:idle:1"                       /* XEP-0319 */
#define NS_CONFERENCE    "jabber:x:conference"                   /* XEP-0249 */

/* Rooms and nodes */
#define NS_MUC             "http://jabber.org/protocol/muc"           /* XEP-0045 */
#define NS_MUC_USER        "http://jabber.org/protocol/muc#user"      /* XEP-0045 */
#define NS_MUC_ADMIN       "http://jabber.org/protocol/muc#admin"     /* XEP-0045 */
#define NS_MUC_OWNER       "http://jabber.org/protocol/muc#owner"     /* XEP-0045 */
#define NS_OCCUPANT_ID     "urn:xmpp:occupant-id:0"                   /* XEP-0421 */
#define NS_PUBSUB          "http://jabber.org/protocol/pubsub"        /* XEP-0060 */
#define NS_PUBSUB_EVENT    "http://jabber.org/protocol/pubsub#event"  /* XEP-0060 */
#define NS_PUBSUB_OWNER    "http://jabber.org/protocol/pubsub#owner"  /* XEP-0060 */
#define NS_PUBSUB_ERRORS   "http://jabber.org/protocol/pubsub#errors" /* XEP-0060 */
#define NS_AVATAR_DATA     "urn:xmpp:avatar:data"                     /* XEP-0084 */
#define NS_AVATAR_METADATA "urn:xmpp:avatar:metadata"                 /* XEP-0084 */
